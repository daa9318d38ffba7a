"""Deleting needs proof: rows of what a ledger must contain and ask, and their judge."""
