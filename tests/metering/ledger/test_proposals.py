"""Each finding proposes the ruling that settles it: with the ruling the finding is gone, or the figures are the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metering.events import Exchange, RegisterId
from metering.findings import ADVICE, MEANINGS
from metering.ledger.blocks import Block
from metering.ledger.enter import rule
from metering.ledger.proposals import _PROPOSALS, Found, Stored, propose
from metering.ledger.state import Fact, Interval
from metering.parts import HEAD
from metering.times import DAY_MS, HOUR_MS
from tests.metering.ledger.test_rulings import (
    FALLEN,
    IN_MWH,
    OTHER_METER,
    STRAY,
    T0,
    TENFOLD,
    UP,
    Readings,
    hourly,
)
from tests.registers import RULES, Register

HEAT = RegisterId("b01", "heat", "energy")
LEAP = [*UP[:100], *(v + 900_000 for v in UP[100:])]
CONFLICT = [*hourly(UP), (T0 + 50 * HOUR_MS, UP[50] + 7)]
TWO_STRAYS = [*UP[:50], 70_000_000, *UP[51:53], 49_000_000, *UP[54:]]
RESET = [*UP[:100], *(i * 20_000 for i in range(60))]
TWO_ACTS: list[Fact] = [
    Interval(T0 + 30 * DAY_MS, T0, 61_000, source="a", received_at=1),
    Interval(T0 + 30 * DAY_MS, T0, 63_000, source="b", received_at=1),
]
EXCHANGE = Exchange(at=T0 + 100 * HOUR_MS, final=UP[99] - 9_000_000, initial=UP[100])


def stored(kept: Register) -> Stored:
    days = {day: part for name, part in kept.parts.items() if name != HEAD for day in [int(name)]}
    return Stored(
        lambda first, last: [
            block for day, block in sorted(days.items()) if first <= day <= last and isinstance(block, Block)
        ]
    )


@pytest.mark.parametrize(
    ("readings", "facts", "kind", "total"),
    [
        (hourly(OTHER_METER), (), "exchange", OTHER_METER[-1] - UP[0]),
        (hourly(LEAP), (), "leap", LEAP[-1] - UP[0] - (LEAP[100] - UP[99])),
        (hourly(TENFOLD), (), "pulse_weight", None),
        (hourly(STRAY), (), "spike_dropped", UP[-1] - UP[0]),
        (hourly(TWO_STRAYS), (), "spike_dropped", UP[-1] - UP[0]),
        (CONFLICT, (), "conflict", UP[-1] - UP[0]),
        (hourly(IN_MWH), (), "unit_change", None),
        (hourly(UP), [EXCHANGE], "exchange_contradicted", UP[-1] - UP[0]),
        ([], TWO_ACTS, "conflict", 63_000),
        ([], [Interval(T0 + DAY_MS, T0, 10**12, source="a")], "implausible", 0),
        (
            [*hourly(UP[:30]), *hourly(UP[50:], T0 + 50 * HOUR_MS)],
            [Interval(T0 + 40 * HOUR_MS, T0 + 29 * HOUR_MS, 900_000, source="a")],
            "archive_differs",
            UP[-1] - UP[0],
        ),
    ],
)
def test_an_accepted_proposal_settles_the_finding(
    readings: Readings, facts: Sequence[Fact], kind: str, total: int | None
) -> None:
    kept = Register()
    kept.enter(readings, facts=facts)
    asked = [finding for finding in kept.findings if finding.kind == kind]
    assert asked, sorted(kept.findings)
    for finding in asked:
        assert isinstance(finding.figures, tuple)
        found = Found(HEAT, finding.kind, finding.start, finding.end, dict(finding.figures))
        rulings = propose(found, stored(kept))
        assert rulings
        kept.take(rule(RULES, kept.parts, rulings))
    assert not [finding for finding in kept.findings if finding.kind == kind]
    if total is not None:
        assert kept.total == total


def test_after_a_ruled_out_reset_the_fall_is_asked_about_as_readings_not_ours() -> None:
    kept = Register()
    kept.enter(hourly(FALLEN))
    (found,) = [
        Found(HEAT, finding.kind, finding.start, finding.end, dict(finding.figures))  # type: ignore[arg-type]
        for finding in kept.findings
        if finding.kind in ("reset", "exchange") and finding.start == T0 + 99 * HOUR_MS
    ]
    kept.take(rule(RULES, kept.parts, propose(found, stored(kept))))
    assert kept.total == UP[-1] - UP[0]


def test_every_proposal_is_for_a_kind_that_is_described() -> None:
    later = {"weight_by_weather", "energy_by_volume", "stalled", "shifted_hours", "gateway_clock"}
    assert {*_PROPOSALS, *ADVICE} <= {*MEANINGS, *later}


@pytest.mark.parametrize("kind", sorted({*MEANINGS} - {*_PROPOSALS}))
def test_a_finding_that_no_ruling_settles_proposes_none(kind: str) -> None:
    assert propose(Found(HEAT, kind, 0, 1, {}), Stored(lambda first, last: [])) == ()


@pytest.mark.parametrize("kind", sorted(_PROPOSALS))
def test_a_finding_without_figures_or_readings_does_not_fail(kind: str) -> None:
    propose(Found(HEAT, kind, 0, 1, {"text": "a sentence of an old store"}), Stored(lambda first, last: []))
