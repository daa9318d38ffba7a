"""Registers: the energy that a meter shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.weather import Floats


@dataclass(frozen=True)
class Register:
    """A cumulative register with a resolution and a last digit."""

    unit: str
    wh_per_unit: float
    resolution: float
    """Smallest step shown [unit]."""
    digits: int
    start: float
    """Count at the beginning [unit]."""

    def shown(self, hourly_wh: Floats) -> Floats:
        """The register at the beginning of each hour and after the last [unit], length + 1."""
        counted = np.concatenate(([0.0], np.cumsum(hourly_wh))) / self.wh_per_unit + self.start
        steps = np.floor(counted / self.resolution + 1e-9)
        places = max(0, round(-np.log10(self.resolution)))
        shown: Floats = np.round((steps * self.resolution) % 10**self.digits, places)
        return shown
