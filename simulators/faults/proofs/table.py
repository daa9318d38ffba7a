"""All rows by name, and what each group shows."""

from __future__ import annotations

from typing import Final

from simulators.faults.proofs.judge import Made
from simulators.faults.proofs.life import ORDINARY_LIFE
from simulators.faults.proofs.power_cuts import POWER_CUTS
from simulators.faults.proofs.silences import SILENCES
from simulators.faults.proofs.spikes import SPIKES
from simulators.faults.proofs.stalled import STALLED_REGISTERS
from simulators.faults.proofs.unit_changes import UNIT_CHANGES

ROWS: Final[dict[str, dict[str, Made]]] = {
    "silences": SILENCES,
    "life": ORDINARY_LIFE,
    "spikes": SPIKES,
    "power cuts": POWER_CUTS,
    "stalled": STALLED_REGISTERS,
    "units": UNIT_CHANGES,
}
"""Rows by group and name."""

KNOWN: Final[dict[str, str]] = {
    "GJ to Gcal and back in April, heat and hot water, every 1440 min": "the register comes back to its unit while use "
    "falls, and its first day is lost to an exchange that a finding names",
}
"""Rows that fail, with the reason. A row that begins to pass must leave this table."""
