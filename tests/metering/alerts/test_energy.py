"""Rules about energy, judged in day order."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest

from metering.alerts.energy import Raised, alert_changes, energy_alerts
from metering.events import Alert
from metering.savings.day import Figure

DATE = 739_000


def raised(savings: list[float], guarantee: float | None = 20.0, width: float = 0.05) -> list[Raised]:
    """Alerts over days of 1000 expected with a share saved; the interval is ± `width` of what was expected."""
    days = [Figure(DATE + i, 1000, round(1000 * (1 - share))) for i, share in enumerate(savings)]
    return energy_alerts(
        days,
        guarantee_pct=guarantee,
        day_scatter=20.0,
        half_width=lambda total: width * total.expected,
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


def alert(kind: str, opened: int, amount: int = 0, state: Literal["open", "resolved"] = "open") -> Alert:
    return Alert(
        building="b01",
        subject="c1",
        kind=kind,
        opened=opened,
        state=state,
        changed=9,
        amount=amount,
        money=0,
        detail={"days": 60},
    )


@pytest.mark.parametrize(
    ("before", "now", "published"),
    [
        ([], [alert("no_saving", 1)], [alert("no_saving", 1)]),
        ([alert("no_saving", 1)], [alert("no_saving", 1)], []),
        ([alert("no_saving", 1)], [alert("no_saving", 1, 5)], [alert("no_saving", 1, 5)]),
        (
            [alert("no_saving", 1)],
            [alert("no_saving", 1, state="resolved"), alert("above_baseline", 2)],
            [alert("no_saving", 1, state="resolved"), alert("above_baseline", 2)],
        ),
        (
            [alert("no_saving", 1)],
            [],
            [
                Alert(
                    building="b01",
                    subject="c1",
                    kind="no_saving",
                    opened=1,
                    state="resolved",
                    changed=9,
                    amount=0,
                    money=0,
                    detail={"days": 60, "withdrawn": 1},
                )
            ],
        ),
    ],
)
def test_what_is_published_of_alerts(before: list[Alert], now: list[Alert], published: list[Alert]) -> None:
    assert alert_changes(before, now) == published
