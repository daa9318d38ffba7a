"""What meters and gateways do wrong: one table of faults over one table of meters, and the judge of a ledger."""
