"""Readings in doubt are shown, registers that stall say so, and registers that went back are booked."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from metering.events import RegisterId
from metering.ledger.booking import BookedFinding
from metering.ledger.enter import declare
from metering.ledger.stalled import stalled_alerts
from metering.ledger.state import Rules
from metering.times import DAY_MS, HOUR_MS
from tests.registers import Register

T0 = 20_000 * DAY_MS
HEAT = RegisterId("b01", "heat", "energy")


def hourly(amounts: list[int]) -> list[tuple[int, int]]:
    return [(T0 + i * HOUR_MS, v) for i, v in enumerate(amounts)]


def even(hours: int, step: int = 2_000) -> list[int]:
    return [1_000_000 + i * step for i in range(hours)]


def kinds(register: Register) -> list[str]:
    return sorted(finding.kind for finding in register.findings)


def test_a_doubt_that_nothing_has_decided_is_pending_until_something_does() -> None:
    register = Register()
    register.enter(hourly(even(100)))
    register.enter([(T0 + 100 * HOUR_MS, 1_900_000)])
    assert [(each.kind, dict(each.figures)) for each in register.findings] == [
        ("pending", {"before": 1_198_000, "after": 1_900_000})
    ]
    register.enter([(T0 + 101 * HOUR_MS, 1_202_000)])
    assert kinds(register) == ["spike_dropped"]


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_bound_that_is_too_low_stalls_the_register_and_a_raised_one_brings_the_energy_back(
    batch: int,
) -> None:
    low, amounts = Rules(60_000), even(48, 30_000)
    sent = [*amounts, *(amounts[-1] + 130_000 * k for k in range(1, 100))]
    register = Register()
    opened = set()
    readings = hourly(sent)
    for start in range(0, len(readings), batch):
        entered = register.enter(readings[start : start + batch], low)
        assert entered is not None
        opened |= {each.start for each in entered.findings_added if each.kind == "stalled"}
    assert kinds(register) == ["pending", "stalled"]
    assert opened == {T0 + 47 * HOUR_MS}
    (stalled,) = (each for each in register.findings if each.kind == "stalled")
    assert dict(stalled.figures)["rate"] == 130_000
    register.take(declare(Rules(200_000), register.parts, (), by_site=True))
    assert register.total == sent[-1] - sent[0]
    assert not {"pending", "stalled"} & set(kinds(register))


@pytest.mark.parametrize("every", [1, 24], ids=["hourly", "daily"])
def test_a_register_that_goes_on_from_three_readings_before_is_booked(every: int) -> None:
    steps = [2_000 + (k * 37) % 500 for k in range(240)]
    amounts, value = [], 1_000_000
    for k, step in enumerate(steps):
        value += step - (sum(steps[k - 3 : k]) if k == 200 else 0)
        amounts.append(value)
    register = Register()
    register.enter([(T0 + i * every * HOUR_MS, v) for i, v in enumerate(amounts)], Rules(60_000))
    assert register.total == sum(b - a for a, b in pairwise(amounts) if b > a)
    assert kinds(register) == ["reset"]


def test_an_office_rests_at_weekends_and_nothing_asks() -> None:
    uses = [300 if (i // 24) % 7 in (2, 3) else 3_000 for i in range(24 * 70)]
    amounts = [1_000_000]
    for use in uses:
        amounts.append(amounts[-1] + use)
    register = Register()
    register.enter(hourly(amounts))
    assert kinds(register) == []
    assert register.total == sum(uses)


def stalls(*starts: int) -> list[BookedFinding]:
    """Findings `stalled` that begin at these instants, among others that concern no alert."""
    return [BookedFinding("leap", 3, 4, ()), *(BookedFinding("stalled", start, 9, ()) for start in starts)]


@pytest.mark.parametrize(
    ("added", "withdrawn", "expected"),
    [
        ([], [], []),
        ([7], [], [(7, "open", False)]),
        ([8], [7], [(7, "resolved", True), (8, "open", False)]),
        ([], [7], [(7, "resolved", True)]),
        ([7], [7], [(7, "open", False)]),
    ],
)
def test_an_alert_opens_and_ends_with_each_finding_that_a_register_stalls(
    added: list[int], withdrawn: list[int], expected: list[tuple[int, str, bool]]
) -> None:
    alerts = stalled_alerts(HEAT, stalls(*added), stalls(*withdrawn))
    assert [(each.opened, each.state, "withdrawn" in each.detail) for each in alerts] == expected


def test_a_register_that_stalls_for_a_year_keeps_a_small_state() -> None:
    register = Register()
    register.enter(hourly(even(48, 30_000)), Rules(60_000))
    start = 1_000_000 + 47 * 30_000
    readings = [(T0 + (47 + k) * HOUR_MS, start + 130_000 * k) for k in range(1, 3_000)]
    register.enter(readings, Rules(60_000))
    newest = max(register.parts, key=lambda name: int(name) if name.isdigit() else 0)
    assert len(msgspec.msgpack.encode(register.parts[newest])) < 4_000
    assert kinds(register) == ["pending", "stalled"]
