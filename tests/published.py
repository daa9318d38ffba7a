"""What an event publishes, by the names of restatements."""

from __future__ import annotations

from typing import Final

from metering.events import Day, Event, Savings, WeatherDay

_OF_A_DAY: Final = {"use": "used"} | {name: name for name in ("known", "unknown", "estimated", "flags")}


def published(event: Event) -> dict[str, int | None]:
    """The figures that an event publishes, None for each that it withdraws; empty if such events publish none."""
    match event:
        case Day():
            return {
                what: None if event.withdrawn else getattr(event, name) for what, name in _OF_A_DAY.items()
            }
        case WeatherDay():
            return {"temperature": event.mean_mc}
        case Savings():
            figures = {
                "expected": event.expected,
                "use": event.used,
                "saving": event.expected - event.used,
                "estimated": event.estimated,
                "adjustment": event.adjustment,
                "flags": event.flags,
            }
            return {what: None if event.withdrawn else value for what, value in figures.items()}
        case _:
            return {}
