"""When a contract's figures call for somebody to act: rules about energy, judged in day order.

Theory of operation
-------------------
A contract has at most one open alert about energy, for it has at most one cause: use above the baseline
now outranks a saving that is not proved, which outranks a saving below the guarantee. The alerts are a
function of the contract's days alone (a left fold over them), so the same days give the same alerts
whatever the order in which they became known. The interval of the saving to date is that of the contract's
position (`metering.savings.assess`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from metering.baselines.document import Baseline
from metering.events import Alert
from metering.savings.assess import Totals, totals, width_of
from metering.savings.day import Figure
from metering.savings.uncertainty import interval
from metering.savings.worth import money_of
from metering.site.contracts import Contract
from metering.site.parts import Tariff
from metering.times import DAY_MS, EPOCH_ORDINAL

Kind = Literal["above_baseline", "no_saving", "below_guarantee"]

# Use above the baseline is judged on a week, so that one cold Sunday is no alarm, and must exceed both a
# tenth of the expected use (docs/sources.md#above-baseline) and what the baseline's own scatter explains.
WEEK: Final = 7
_EXCESS: Final = 0.10
_Z90: Final = 1.645

# A saving is judged only after two months of figures, then once a week.
_LEAST_DAYS: Final = 60


class Raised(NamedTuple):
    """One alert about energy, as of the newest day."""

    kind: Kind
    opened: int
    """Ordinal of the day whose figures opened it."""
    resolved: int | None
    """Ordinal of the day whose figures resolved it."""
    last: int
    """Ordinal of the day that its figures are of."""
    amount: int
    """Energy at stake: used above the baseline since it opened, or missing to the guarantee."""
    detail: dict[str, float | int | str]


def energy_alerts(
    days: Sequence[Figure],
    *,
    guarantee_pct: float | None,
    day_scatter: float,
    half_width: Callable[[Totals], float],
) -> list[Raised]:
    """The alerts that a contract's days have raised, oldest first.

    Args:
        days: The reporting period's days that have a figure, ascending.
        guarantee_pct: Promised saving [%], or None.
        day_scatter: Standard error of one day's expected use, widened for autocorrelation [base units].
        half_width: Half-width of the 90 % interval of the avoided use of totals [base units].
    """
    raised: list[Raised] = []
    current: Raised | None = None
    judged: tuple[Kind | None, int, dict[str, float | int | str]] = (None, 0, {})
    total = Totals()
    for index, day in enumerate(days):
        kind, amount, detail = _above(days, index, day_scatter, current)
        if kind is None:
            # Weekly from the first judged day on, never 'today': an alert's identity must not move with it.
            if index + 1 >= _LEAST_DAYS and (index + 1 - _LEAST_DAYS) % WEEK == 0:
                total = total.plus(totals(days[total.days : index + 1]))
                judged = _proof(total, half_width(total), guarantee_pct)
            kind, amount, detail = judged
        if current is not None and current.kind != kind:
            raised.append(current._replace(resolved=day.date))
            current = None
        if kind is not None:
            if current is None:
                current = Raised(kind, day.date, None, day.date, amount, detail)
            else:
                if kind == "above_baseline":
                    amount = current.amount + day.used - day.expected
                current = current._replace(last=day.date, amount=amount, detail=detail)
    if current is not None:
        raised.append(current)
    return raised


def _above(
    days: Sequence[Figure], index: int, scatter: float, current: Raised | None
) -> tuple[Kind | None, int, dict[str, float | int | str]]:
    """Whether the week that ends with `index` lies above the baseline."""
    week = days[max(0, index + 1 - WEEK) : index + 1]
    if len(week) < WEEK or days[index].date - week[0].date > 2 * WEEK:
        return None, 0, {}
    expected, used = sum(d.expected for d in week), sum(d.used for d in week)
    excess = used - expected
    open_now = current is not None and current.kind == "above_baseline"
    # Once open it stays until half the threshold is passed downwards, so that it does not flap.
    share = _EXCESS / 2 if open_now else _EXCESS
    noise = 0.0 if open_now else _Z90 * scatter * math.sqrt(WEEK)
    if excess <= share * expected or excess <= noise:
        return None, 0, {}
    pct = 100 * excess / expected if expected else 0.0
    return (
        "above_baseline",
        excess,
        {"excess_pct": round(pct, 1), "days": WEEK, "used": used, "expected": expected},
    )


def _proof(
    total: Totals, width: float, guarantee_pct: float | None
) -> tuple[Kind | None, int, dict[str, float | int | str]]:
    """Whether the saving to date is proved and keeps the promise."""
    expected, used = total.expected, total.used
    if expected <= 0:
        return None, 0, {}
    avoided = expected - used
    lo, hi = interval(expected_total=expected, used_total=used, half_width=width)
    detail: dict[str, float | int | str] = {
        "savings_pct": round(100 * avoided / expected, 1),
        "lo_pct": round(100 * lo, 1),
        "hi_pct": round(100 * hi, 1),
        "days": total.days,
    }
    promised = (guarantee_pct or 0.0) / 100 * expected
    missing = max(0, round(promised - avoided))
    if lo <= 0:
        return "no_saving", missing, detail
    if guarantee_pct is not None and avoided < promised:
        return "below_guarantee", missing, detail | {"guarantee_pct": guarantee_pct}
    return None, 0, {}


def instant(date: int) -> int:
    """Midnight UTC of the date with ordinal `date` [ms]: the identity of an alert or a key, not a local instant."""
    return (date - EPOCH_ORDINAL) * DAY_MS


def contract_alerts(
    contract: Contract, baseline: Baseline, days: Sequence[Figure], tariff: Tariff | None
) -> list[Alert]:
    """The alerts about energy of a contract, oldest first, each with its money.

    Args:
        contract: The contract.
        baseline: Its frozen baseline.
        days: The reporting period's days that have a figure, ascending.
        tariff: The contract's tariff; None: the alerts cost nothing.
    """
    rho = max(0.0, baseline.metrics.rho)
    raised = energy_alerts(
        days,
        guarantee_pct=contract.guaranteed_savings_pct,
        day_scatter=baseline.metrics.rmse * math.sqrt((1 + rho) / (1 - min(0.95, rho))),
        half_width=lambda total: width_of(baseline, total).total,
    )
    return [
        Alert(
            building=contract.building,
            subject=contract.id,
            kind=each.kind,
            opened=instant(each.opened),
            state="open" if each.resolved is None else "resolved",
            changed=instant(each.last if each.resolved is None else each.resolved),
            amount=each.amount,
            money=0 if tariff is None else round(100 * at_stake(each, days, tariff)),
            detail=each.detail,
        )
        for each in raised
    ]


def alert_changes(before: Sequence[Alert], now: Sequence[Alert]) -> list[Alert]:
    """What to publish if the alerts of a contract were `before` and are `now`.

    New and changed alerts are published. An alert that later readings have made groundless is resolved, and its
    detail says `withdrawn`.
    """
    gone = {(alert.kind, alert.opened): alert for alert in before}
    changed = [alert for alert in now if gone.pop((alert.kind, alert.opened), None) != alert]
    withdrawn = [
        replace(alert, state="resolved", detail=alert.detail | {"withdrawn": 1}) for alert in gone.values()
    ]
    return changed + withdrawn


def at_stake(raised: Raised, days: Sequence[Figure], tariff: Tariff) -> Decimal:
    """The energy at stake in an alert in money, each day at its own price [currency units].

    Args:
        raised: The alert.
        days: The days that it was raised on, ascending.
        tariff: The contract's tariff.
    """
    if raised.kind == "above_baseline":
        opened = next(index for index, day in enumerate(days) if day.date == raised.opened)
        above = days[max(0, opened + 1 - WEEK) :]
        return money_of(((d.date, d.used - d.expected) for d in above if d.date <= raised.last), tariff)
    if not raised.amount:
        return Decimal(0)
    judged = days[: int(raised.detail["days"])]
    expected = sum(day.expected for day in judged)
    promised = raised.amount + sum(day.expected - day.used for day in judged)
    saved = money_of(((day.date, day.expected - day.used) for day in judged), tariff)
    # The promise is a share of the expected use of every day, and so has its mean price.
    return max(
        Decimal(0),
        promised * money_of(((day.date, day.expected) for day in judged), tariff) / expected - saved,
    )
