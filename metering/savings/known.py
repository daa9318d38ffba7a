"""Facts of the site file that a baseline may use, as arguments of the fit.

The stream and the exam both take them from here, so a contract gets exactly the fit that the exam has measured.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict

from metering.baselines.models import candidates


class Known(TypedDict):
    """Arguments of `fit` and `fit_period` of `metering.baselines.fit`."""

    models: Collection[str]
    latitude: float | None
    """Of the site if the use may follow the darkness, else None."""
    calendar: str | None
    """Calendar of days off if the use may follow it, else None."""


def known_of(*, carrier: str, kind: str, latitude: float) -> Known:
    """The facts for a meter.

    A school's use follows its holidays, whatever it uses; electricity follows darkness and days off too. Heat of
    dwellings does not follow the week: what a house uses more of on Sundays is a little hot water.

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
