"""The balance of a main meter and its sub-meters over the last days, in sentences."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from dashboards.balance import balances
from dashboards.page.amounts import ABSENT, Shown, shown
from dashboards.words.lang import Lang, pick
from dashboards.words.names import meter_name
from dashboards.words.numbers import date, percent
from dashboards.words.sentences import BALANCES
from metering.site.meters import Building
from metering.site.model import Site
from storage.sqlite_reader import Reader

_DAYS: Final = 30
"""Days of a balance on the page."""


def balances_view(reader: Reader, site: Site, building: Building, lang: Lang) -> list[dict[str, Any]]:
    """A row for each main meter of the house that has days: its sub-meters, and the balance of its last days."""
    rows = []
    for whole in balances(reader, site, building=building.id):
        if whole["to"] is None:
            continue
        last = dt.date.fromisoformat(whole["to"])
        first = max(dt.date.fromisoformat(whole["from"]), last - dt.timedelta(days=_DAYS - 1))
        (recent,) = (
            balance
            for balance in balances(reader, site, building=building.id, first=first, last=last)
            if balance["meter"] == whole["meter"]
        )
        meter = site.meters[building.id, recent["meter"]]
        rows.append(
            {
                "meter": meter.id,
                "name": meter_name(site, building.id, meter.id),
                "subs": [meter_name(site, building.id, sub) for sub in recent["subs"]],
                "text": balance_text(recent, shown(meter, meter.quantity), (first, last), lang),
            }
        )
    return rows


def balance_text(balance: dict[str, Any], how: Shown, span: tuple[dt.date, dt.date], lang: Lang) -> str:
    """A balance of `dashboards.balance` in sentences: days known, days known only in total, days not known."""
    words = {name: pick(pair, lang) for name, pair in BALANCES.items()}
    first, last = (date(day.toordinal(), lang) for day in span)
    rest, in_total = balance["difference"], balance["days_missing"] - balance["days_untold"]

    def side(difference: int) -> str:
        return words["more" if difference >= 0 else "less"]

    if rest is None:
        sentences = [words["none"].format(first=first, last=last)]
    else:
        sentences = [
            words["known"].format(
                first=first,
                last=last,
                days=balance["days"],
                main=how.text(balance["main"], lang),
                subs=how.text(balance["sub_meters"], lang),
                rest=how.text(abs(rest), lang),
                share=percent(100 * abs(rest) / balance["main"], lang) if balance["main"] else ABSENT,
                side=side(rest),
            )
        ]
    if in_total:
        unknown = balance["unknown"]
        sentences.append(
            words["unknown"].format(days=in_total, rest=how.text(abs(unknown), lang), side=side(unknown))
        )
    if balance["days_untold"]:
        sentences.append(words["untold"].format(days=balance["days_untold"]))
    return " ".join(sentences)
