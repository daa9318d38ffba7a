"""The domain: units, readings, the energy ledger, baselines, savings. No I/O and no clock in here."""
