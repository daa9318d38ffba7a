"""A unit that changes without a word in the payload, in several seasons."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Final

from simulators.faults import rhythms as use
from simulators.faults.clean import CleanMeter, every
from simulators.faults.proofs.judge import Made, Row
from simulators.faults.proofs.registers import (
    in_unit,
    sent_by,
    total,
)

_UNITS: Final = {
    "kWh to Wh": ("kWh", 1000, 1, 1),
    "kWh to MWh": ("kWh", 1, 1000, 1),
    "Gcal to GJ": ("Gcal", 41868, 10000, 1163),
    "GJ to Gcal": ("GJ", 10000, 41868, 278),
    "MWh to kWh": ("MWh", 1000, 1, 1000),
    "MWh to Gcal": ("MWh", 1000, 1163, 1000),
    "Gcal to MWh": ("Gcal", 1163, 1000, 1163),
}
"""(declared unit, what the other unit reads: num/den times as much, smallest step as declared [Wh])."""
_SEASONS: Final = {"January": 20, "April": 112, "July": 195, "October": 285, "November": 325}
"""Day of the year on which the unit changes."""
_CONSUMERS: Final = {
    "heating": (use.heating, "heat"),
    "heat and hot water": (use.heating_and_hot_water, "heat"),
    "house": (use.house, "electricity"),
    "school": (use.school, "electricity"),
}


def _unit_change(change: str, consumer: str, season: str, minutes: int, back: bool) -> Row:
    """A year in which the unit changes on a day and, if `back`, 30 days later again."""
    unit, num, den, step = _UNITS[change]
    rhythm, carrier = _CONSUMERS[consumer]
    meter = CleanMeter(f"{consumer} unit", carrier, unit, "0.001", rhythm, every(minutes), days=420)
    clean = sent_by(meter)
    start = _SEASONS[season] * 24 + 5.0
    sent = in_unit(clean, num, den, step, start, start + 720 if back else 10**9)
    coarse = 2 * (step * den // num + 1163)
    most = max(w - v for (_, v), (_, w) in pairwise(clean))
    return Row(
        rules=meter.rules,
        sent=sent,
        truth=total(clean),
        # One step more: a change back may come at any moment between two readings.
        allowed=coarse + len(clean) // 1000 + most * back // 1000,
        # What came in the other unit may be left out as strays if the register then returns.
        asks=frozenset({"unit_change", "leap"} | ({"spike_dropped"} if back else set())),
        excused=frozenset({"leap"}),
    )


def _unit_changes() -> Iterator[tuple[str, Made]]:
    for change in _UNITS:
        for consumer, (_, carrier) in _CONSUMERS.items():
            if carrier != "heat" and not change.startswith("kWh"):
                continue
            for season in _SEASONS:
                for minutes in (60, 1440):
                    for back in (False, True):
                        name = f"{change}{' and back' if back else ''} in {season}, {consumer}, every {minutes} min"
                        yield name, partial(_unit_change, change, consumer, season, minutes, back)


UNIT_CHANGES: Final[dict[str, Made]] = dict(_unit_changes())
