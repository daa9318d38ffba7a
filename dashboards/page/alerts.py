"""Alerts on the page: their order, their words, and the contract that each concerns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from dashboards.words.lang import Lang
from dashboards.words.numbers import date_at, money
from dashboards.words.sentences import sentence
from metering.events import Alert
from metering.site.contracts import Contract
from metering.site.model import Site
from storage.sqlite_reader import Reader

_NOW: Final = {"meter_silent": 0, "register_stalled": 1, "above_baseline": 2}
"""Alerts about this week, by urgency; the others are about the whole reporting period."""


def alerts_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """All alerts: open ones by urgency, then the resolved ones, newest first."""
    alerts = reader.alerts(open_only=False)
    return {
        "open": [
            alert_view(alert, site, lang)
            for alert in by_urgency(alert for alert in alerts if alert.state == "open")
        ],
        "resolved": [alert_view(alert, site, lang) for alert in alerts if alert.state == "resolved"],
    }


def alert_view(alert: Alert, site: Site, lang: Lang) -> dict[str, Any]:
    """One alert, in words."""
    return {
        "kind": alert.kind,
        "state": alert.state,
        "building": alert.building,
        "subject": alert.subject,
        "contract": next((each.id for each in site.contract if concerns(alert, each)), None),
        "text": sentence(alert, site, lang),
        "since": date_at(alert.opened, site.zone, lang),
        "changed": date_at(alert.changed, site.zone, lang),
        "amount": alert.amount,
        "money": money(alert.money, site.site.currency, lang) if alert.money else "",
    }


def by_urgency(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts about this week first, then by their money, the highest first."""
    return sorted(alerts, key=lambda alert: (_NOW.get(alert.kind, 9), -alert.money, -alert.opened))


def concerns(alert: Alert, contract: Contract) -> bool:
    """Whether an alert is about a contract, its meter, or its whole house."""
    return alert.building == contract.building and alert.subject in ("", contract.id, contract.meter)
