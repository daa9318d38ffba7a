"""The verdict on a contract's saving, in one word."""

from __future__ import annotations

from typing import Literal

from metering.site.contracts import Contract

Verdict = Literal["proved", "below", "not_proved", "above", "waiting"]


def verdict(contract: Contract, *, low_pct: float, savings_pct: float, above: bool) -> Verdict:
    """The verdict on a contract with a figure.

    Args:
        contract: The contract with its promise.
        low_pct: Lower end of the 90 % interval of the saving [%].
        savings_pct: The saving [%].
        above: Whether its alert about use above the baseline is open.
    """
    if above:
        return "above"
    if low_pct <= 0:
        return "not_proved"
    if contract.guaranteed_savings_pct is not None and savings_pct < contract.guaranteed_savings_pct:
        return "below"
    return "proved"
