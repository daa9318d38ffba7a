"""Rules about energy, judged in day order; and a meter that falls silent, judged by ticks."""

from __future__ import annotations

from itertools import pairwise

import pytest

from metering.alerts.energy import Figure, Raised, energy_alerts
from metering.events import Alert, Counted, Tick
from metering.site.model import Site, parse_site
from metering.times import HOUR_MS
from streams.steps.watch import Heard, silence_step

DATE = 739_000


def raised(savings: list[float], guarantee: float | None = 20.0, width: float = 0.05) -> list[Raised]:
    """Alerts over days of 1000 expected with a share saved; the interval is ± `width` of what was expected."""
    days = [Figure(DATE + i, 1000, round(1000 * (1 - share))) for i, share in enumerate(savings)]
    return energy_alerts(
        days,
        guarantee_pct=guarantee,
        day_scatter=20.0,
        half_width=lambda _days, _first, expected, _used: width * expected,
    )


def test_a_saving_that_keeps_its_promise_raises_nothing() -> None:
    assert raised([0.25] * 200) == []


def test_nothing_is_judged_before_two_months() -> None:
    assert raised([0.0] * 59) == []
    (alert,) = raised([0.0] * 60)
    assert (alert.kind, alert.opened, alert.resolved) == ("no_saving", DATE + 59, None)


def test_a_saving_below_the_guarantee_says_what_is_missing() -> None:
    (alert,) = raised([0.15] * 100)
    assert alert.kind == "below_guarantee"
    assert alert.detail == {
        "savings_pct": 15.0, "lo_pct": 10.5, "hi_pct": 19.0, "days": 95, "guarantee_pct": 20.0,
    }  # fmt: skip
    assert alert.amount == 95 * 50


def test_without_a_guarantee_only_proof_is_asked_for() -> None:
    assert raised([0.15] * 100, guarantee=None) == []
    assert [a.kind for a in raised([0.01] * 100, guarantee=None)] == ["no_saving"]


def test_it_resolves_when_the_saving_is_proved() -> None:
    (alert,) = raised([0.0] * 62 + [0.6] * 60, guarantee=None)
    assert alert.kind == "no_saving"
    assert alert.resolved is not None
    assert (alert.resolved - DATE - 59) % 7 == 0


def test_use_above_the_baseline_opens_within_a_week_outranks_and_counts_its_excess() -> None:
    alerts = raised([0.25] * 80 + [-0.3] * 10 + [0.25] * 30, guarantee=10.0)
    assert [a.kind for a in alerts] == ["above_baseline"]
    (alert,) = alerts
    assert 80 <= alert.opened - DATE < 87
    assert alert.resolved is not None
    assert alert.detail["excess_pct"] > 5
    assert alert.amount > 0


def test_one_cause_one_alert() -> None:
    days = [0.0] * 70 + [-0.4] * 20 + [0.0] * 60
    alerts = raised(days)
    for earlier, later in pairwise(alerts):
        assert earlier.resolved is not None
        assert earlier.resolved <= later.opened
    assert {a.kind for a in alerts} == {"no_saving", "above_baseline"}


def test_one_cold_sunday_is_no_alarm() -> None:
    assert raised([0.25] * 80 + [-0.5] + [0.25] * 40) == []


def test_more_days_do_not_move_what_was_opened() -> None:
    shares = [0.1] * 200
    opened = {raised(shares[:n])[0].opened for n in range(60, 200, 3)}
    assert opened == {DATE + 59}


SITE = """
[site]
id = "t"
silent_after_hours = 26
[[building]]
id = "b01"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "Gcal"
  [[building.meter]]
  id = "light"
  carrier = "electricity"
  unit = "kWh"
"""


class Ticking:
    def __init__(self) -> None:
        self.step = silence_step(parse_site(SITE))
        self.parts: dict[str, Heard] = {}

    def at(self, hour: float, *heard: str) -> list[Alert]:
        now = round(hour * HOUR_MS)
        told: list[Alert] = []
        for meter in heard:
            told += self._run(Counted("b01", meter, "energy", 1, 0, now, 5, now))
        return told + self._run(Tick("b01", now))

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
    assert list(silence_step(site).keys(Tick("b01", 0))) == ["b01"]
    assert ticking.parts == {}
