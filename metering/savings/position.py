"""The position of a contract: its saving to date as the stream publishes it."""

from __future__ import annotations

from collections.abc import Sequence

from metering.baselines.document import Baseline
from metering.events import Position
from metering.savings.assess import assess, totals
from metering.savings.day import Figure
from metering.savings.worth import price_digest, worth
from metering.site.contracts import Contract
from metering.site.parts import Tariff


def position(
    contract: Contract,
    baseline: Baseline,
    days: Sequence[Figure],
    tariff: Tariff | None,
    *,
    flagged: dict[str, int],
    received_at: int,
) -> Position:
    """The position after the given days.

    Args:
        contract: The contract.
        baseline: Its frozen baseline.
        days: The reporting period's days that have a figure, ascending; at least one.
        tariff: The contract's tariff.
        flagged: Use of the days that carry a doubt, by the doubt's name [base units].
        received_at: When the newest of it became known [ms].
    """
    saving = assess(baseline, totals(days))
    value = None if tariff is None else worth(days, tariff, half_width=saving.half_width)
    first, last = days[0].date, days[-1].date
    return Position(
        building=contract.building,
        contract=contract.id,
        first=first,
        last=last,
        days=saving.days,
        days_missing=last - contract.reporting.from_.toordinal() + 1 - saving.days,
        expected=saving.expected,
        used=saving.used,
        half_width=saving.half_width,
        estimated=saving.totals.estimated,
        grade=saving.grade,
        baseline_id=baseline.id,
        received_at=received_at,
        flagged=flagged,
        adjustment=saving.totals.adjustment,
        money=None if value is None else value.hundredths,
        money_half_width=None if value is None else value.half_width_hundredths,
        prices=price_digest(tariff),
    )
