"""The report on one contract: its saving and all that stands beside it, from the stored rows and the site file."""
