"""The exam: simulated houses with known savings, and how answers are scored."""
