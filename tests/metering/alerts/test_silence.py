"""A meter that falls silent, judged by ticks."""

from __future__ import annotations

import pytest

from metering.events import Alert, Counted, Tick
from metering.site.model import Site, parse_site
from metering.times import HOUR_MS
from streams.steps.silence import Heard, silence_step
from tests.sites import building, meter, site_text

SITE = site_text(
    building(meter(), meter("light", "electricity", "kWh")),
)


class Ticking:
    def __init__(self) -> None:
        self.step = silence_step(parse_site(SITE))
        self.parts: dict[str, Heard] = {}

    def at(self, hour: float, *heard: str) -> list[Alert]:
        now = round(hour * HOUR_MS)
        told: list[Alert] = []
        for name in heard:
            told += self._run(
                Counted(
                    building="b01",
                    meter=name,
                    quantity="energy",
                    accepted=1,
                    duplicate=0,
                    last_time=now,
                    last_amount=5,
                    received_at=now,
                )
            )
        return told + self._run(Tick(building="b01", received_at=now))

    def _run(self, event: Counted | Tick) -> list[Alert]:
        changed, events = self.step.run("b01", self.parts, event)
        self.parts |= changed
        return [event for event in events if isinstance(event, Alert)]


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


def test_a_meter_falls_silent_and_comes_back(ticking: Ticking) -> None:
    assert ticking.at(0, "heat", "light") == []
    assert ticking.at(20, "heat") == []
    (alert,) = ticking.at(27, "heat")
    assert (alert.subject, alert.state, alert.detail["hours"]) == ("light", "open", 27)
    assert alert.opened == 26 * HOUR_MS
    assert ticking.at(28, "heat") == []
    (again,) = ticking.at(50, "heat")
    assert again.opened == alert.opened
    (resolved,) = ticking.at(51, "heat", "light")
    assert (resolved.state, resolved.opened) == ("resolved", alert.opened)


def test_all_meters_of_a_house_at_once_are_one_alert(ticking: Ticking) -> None:
    ticking.at(0, "heat", "light")
    (alert,) = ticking.at(40)
    assert alert.subject == ""
    (resolved, single) = sorted(ticking.at(41, "heat"), key=lambda a: a.subject)
    assert (resolved.subject, resolved.state) == ("", "resolved")
    assert (single.subject, single.state) == ("light", "open")


def test_a_meter_that_was_never_heard_is_waited_for(ticking: Ticking) -> None:
    assert ticking.at(0, "heat") == []
    assert ticking.at(26, "heat") == []
    (alert,) = ticking.at(27, "heat")
    assert alert.subject == "light"


def test_silence_is_not_judged_without_ticks(ticking: Ticking) -> None:
    site: Site = parse_site(SITE)
    assert list(silence_step(site).keys(Tick(building="b01", received_at=0))) == ["b01"]
    assert ticking.parts == {}
