"""The page of one contract: what it saved in plain sentences, with the picture, the months and the grounds."""

from __future__ import annotations

from typing import Any

from dashboards.contract_rows import portfolio
from dashboards.page.alerts import alert_view, by_urgency, concerns
from dashboards.page.amounts import ABSENT
from dashboards.page.chart import chart
from dashboards.page.contract_months import money_of, months_view
from dashboards.page.contract_row import contracts_of, row_view
from dashboards.page.contract_terms import terms_view
from dashboards.page.trust import baseline_view, trust_view
from dashboards.words.lang import Lang, pick
from dashboards.words.names import meter_name
from dashboards.words.numbers import date, money, quantity, unit
from dashboards.words.sentences import STORIES
from metering.baselines.document import Baseline
from metering.events import Alert
from metering.report.standing import Standing
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import from_ms
from metering.units import SHOWN_UNIT
from storage.sqlite_reader import Reader


def contract_view(reader: Reader, site: Site, contract: Contract, lang: Lang) -> dict[str, Any]:
    """The page of one contract."""
    # One contract's rows only: a site of a thousand houses must not slow a house down.
    (row,) = portfolio(reader, site.model_copy(update={"contract": (contract,)}))
    meter, currency = site.meters[contract.building, contract.meter], site.site.currency
    shown_unit = SHOWN_UNIT[meter.carrier]
    assert contract.baseline.to is not None
    first = contract.baseline.from_.toordinal()
    reporting = contract.reporting.from_.toordinal()
    last = row.position.last if row.position is not None else contract.baseline.to.toordinal()
    days = reader.days(contract.building, contract.meter, meter.quantity, first, last)
    savings = reader.savings(contract.id, reporting, last)
    saved = money_of(savings, site, contract)
    money_text = None if saved is None else quantity(abs(float(saved)), currency, lang)
    alerts = [alert for alert in reader.alerts() if concerns(alert, contract)]
    above = next((alert for alert in alerts if alert.kind == "above_baseline"), None)
    document = reader.baseline(contract.id)
    baseline = None if document is None else Baseline.from_document(document)
    terms = terms_view(reader, site, contract, lang)
    return {
        **row_view(row, site, lang),
        "unit": unit(shown_unit, lang),
        "meter": contract.meter,
        "meter_name": meter_name(site, contract.building, contract.meter),
        "story": _story(row, contract, baseline, money_text, above, currency, lang),
        "money_text": money_text or ABSENT,
        "saves": row.avoided is None or row.avoided >= 0,
        "size_text": ABSENT if row.avoided is None else quantity(abs(row.avoided), shown_unit, lang),
        "reporting": date(reporting, lang),
        **chart(reader, site, contract, baseline, days, savings, (first, last)),
        "alerts": [alert_view(alert, site, lang) for alert in by_urgency(alerts)],
        "excess_since": None if above is None else above.opened // 1000,
        "quality": trust_view(reader, site, contract, row, days, savings, lang)
        | {"days_missing": terms["missing"], "outages": terms["outages"]},
        "months": months_view(savings, site, contract, lang),
        "currency": unit(currency, lang),
        "baseline": None if baseline is None else baseline_view(baseline, shown_unit, lang),
        "terms": terms["lines"],
        "changes": terms["changes"],
        "neighbours": contracts_of(site, contract.building, lang),
    }


def _story(
    row: Standing,
    contract: Contract,
    baseline: Baseline | None,
    money_text: str | None,
    above: Alert | None,
    currency: str,
    lang: Lang,
) -> str:
    """What the house saved, in plain sentences; `above` is the open alert of a use above the baseline."""
    words = {name: pick(pair, lang) for name, pair in STORIES.items()}
    since = date(contract.reporting.from_.toordinal(), lang)
    if row.avoided is None:
        return words["waiting"].format(since=since)
    sentences = [
        words["saved" if row.avoided >= 0 else "overspent"].format(
            since=since,
            avoided=quantity(abs(row.avoided), row.unit, lang),
            weather=words["weather"] if baseline is not None and baseline.needs_weather else "",
        )
    ]
    if money_text is not None:
        sentences.append(words["money"].format(money=money_text))
    if above is not None:
        opened = date(from_ms(above.opened).date().toordinal(), lang)
        sentences.append(words["above"].format(since=opened, money=money(above.money, currency, lang)))
    return " ".join(sentences)
