"""Wrong hours: the shape of a week's days against the register's own past.

Theory of operation
-------------------
A clock that is set wrongly moves every hour of every day by the same amount: the shape of the days stays and its place
does not. The days of a week are laid over those of the weeks before (without the last one, in which the clock may have
changed), and moved against them hour by hour. A shift is believed if all of these agree:

- the register has a rhythm, and each of the past weeks has the same one;
- the week fits its past well when it is moved, and badly as it stands;
- so do nearly all of its days, each by itself.

A school holiday, a summer or people who work at home change the shape; no shift makes such a week fit. A shift by
one hour is not judged: people and the clocks of a place that has summer time do that by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

HOURS: Final = 24
LEAST_DAYS: Final = 5
"""Days with a shape that a week needs."""
PAST_WEEKS: Final = range(2, 5)
"""The weeks before the judged one that it is compared with; the last one may be half and half."""
_LEAST_WEEKS: Final = 2
"""Of the past weeks, those that must have a shape."""
LEAST_SHIFT: Final = 2
"""Smallest shift that is judged [h]."""
_MOST_SHIFT: Final = 11
"""Largest shift that is judged [h]; by twelve hours, a day with two peaks fits itself."""
_FITS: Final = 0.8
"""Correlation of a moved week with its past that is believed."""
_GAIN: Final = 0.3
"""How much better a moved week must fit than the week as it stands (difference of correlations)."""
_SAME: Final = 0.85
"""Correlation of each past week with all of them; a week that fits so well as it stands is not judged further."""
_RHYTHM: Final = 0.05
"""Standard deviation of the past's hours over their mean from which on there is a rhythm."""

_MOST_MISFITS: Final = 1
"""Days of the week that may fit better as they stand."""
_DAY_FITS: Final = 0.5
"""Correlation of a day with its past, from which on the day has the rhythm by itself."""
_RHYTHMIC: Final = 0.65
"""Share of the days that must have it: five of seven, and weekends may differ. The ticks of a coarse display, a charger
or a heat pump have a rhythm on average only."""

Floats = npt.NDArray[np.float64]

# Row L is the past moved L hours later.
_MOVED: Final = (np.arange(HOURS)[None, :] - np.arange(HOURS)[:, None]) % HOURS


def shape(amounts: Sequence[int | None]) -> bytes:
    """The hours of a day as shares of its largest one, 0 to 255; empty if one is not measured or nothing was used.

    A day with 23 or 25 hours has no shape.
    """
    if len(amounts) != HOURS:
        return b""
    hours = [amount for amount in amounts if amount is not None]
    if len(hours) != HOURS:
        return b""
    peak = max(hours)
    return bytes([255 * amount // peak for amount in hours]) if peak > 0 and min(hours) >= 0 else b""


def shift(days: Sequence[bytes], past: Sequence[Sequence[bytes]]) -> int:
    """By how many hours the days are later (earlier if negative) than those of the past; 0 if nothing is believed.

    Args:
        days: Shapes of a week's days.
        past: Shapes of the past weeks' days.
    """
    weeks = [week for week in past if len(week) >= LEAST_DAYS]
    if len(days) < LEAST_DAYS or len(weeks) < _LEAST_WEEKS:
        return 0
    now, before = _centred(_sum(days)), _usual(weeks)
    if now is None or before is None or float(now @ before) >= _SAME:
        return 0
    if not _best(now, before):
        return 0
    alike = [_fit(_sum(week), before) for week in weeks]
    if min(alike) < _SAME:
        # One odd week (holidays, the beginning of a season) is left out.
        del weeks[alike.index(min(alike))]
        usual = _usual(weeks)
        if (
            usual is None
            or len(weeks) < _LEAST_WEEKS
            or min(_fit(_sum(week), usual) for week in weeks) < _SAME
        ):
            return 0
        before = usual
    total = _sum([each for week in weeks for each in week])
    moved = _best(now, before)
    if not moved or total.std() < _RHYTHM * total.mean():
        return 0
    every = [each for week in weeks for each in week]
    if not (_rhythmic(days, np.roll(before, moved)) and _rhythmic(every, before)):
        return 0
    misfits = sum(gain <= 0 for gain in gains(days, weeks, moved))
    return moved if misfits <= _MOST_MISFITS else 0


def _rhythmic(days: Sequence[bytes], usual: Floats) -> bool:
    return sum(_fit(_sum([each]), usual) >= _DAY_FITS for each in days) >= _RHYTHMIC * len(days)


def _best(now: Floats, before: Floats) -> int:
    """By how many hours the past must be moved to fit; 0 if it fits by no shift, or nearly as well as it stands."""
    fits = before[_MOVED] @ now
    best = int(fits.argmax())
    moved = best - HOURS if best > HOURS // 2 else best
    believed = fits[best] >= _FITS and fits[best] - fits[0] >= _GAIN
    return moved if believed and LEAST_SHIFT <= abs(moved) <= _MOST_SHIFT else 0


def _usual(weeks: Sequence[Sequence[bytes]]) -> Floats | None:
    return _centred(_sum([each for week in weeks for each in week]))


def gains(days: Sequence[bytes], past: Sequence[Sequence[bytes]], moved: int) -> list[float]:
    """How much better each day fits the past when the past is moved by so many hours (difference of correlations)."""
    before = _usual(past)
    if before is None:
        return [0.0 for _ in days]
    later = np.roll(before, moved)
    return [_fit(_sum([each]), later) - _fit(_sum([each]), before) for each in days]


def distance(days: Sequence[bytes], past: Sequence[bytes]) -> float:
    """The share of a mean day that lies in other hours than in the past, 0 to 1; 0 if either has no shape."""
    if not days or not past:
        return 0.0
    now, before = _sum(days), _sum(past)
    return float(np.abs(now / now.sum() - before / before.sum()).sum() / 2)


def _sum(days: Sequence[bytes]) -> Floats:
    total: Floats = np.add.reduce(
        np.frombuffer(b"".join(days), np.uint8).reshape(-1, HOURS), axis=0, dtype=np.float64
    )
    return total


def _centred(hours: Floats) -> Floats | None:
    """The hours without their mean, of length 1; None if they are all alike."""
    centred: Floats = hours - np.add.reduce(hours) / HOURS
    length = math.sqrt(centred @ centred)
    return centred / length if length else None


def _fit(hours: Floats, before: Floats) -> float:
    centred = _centred(hours)
    return 0.0 if centred is None else float(centred @ before)
