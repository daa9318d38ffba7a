"""The energy ledger: readings become hours, days and blocks of unknown energy."""
