"""What a site file says of a meter that its baseline may use, as arguments of the fit.

Said once: the stream that fits a contract's baseline and the exam that puts baselines on trial ask here, so that
what the exam has measured is what a contract gets.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict

from metering.baselines.models import candidates


class Known(TypedDict):
    """Arguments of `fit` and `fit_period` of `metering.baselines.fit`."""

    models: Collection[str]
    latitude: float | None
    """Where the meter's use may follow the darkness."""
    calendar: str | None
    """Where its use may follow days off."""


def known_of(*, carrier: str, kind: str, latitude: float) -> Known:
    """What a baseline may use.

    A school's use follows its holidays, whatever it uses; electricity follows darkness and days off too. Heat of
    dwellings does not follow the week: what a house uses more of on Sundays is hot water, and little.

    Args:
        carrier: The meter's (`metering.site.meters.Carrier`).
        kind: The building's (`metering.site.meters.Building.kind`).
        latitude: The site's [degrees north].
    """
    electric = carrier == "electricity"
    return {
        "models": candidates(carrier),
        "latitude": latitude if electric else None,
        "calendar": "ru_school" if kind == "school" else "ru" if electric else None,
    }
