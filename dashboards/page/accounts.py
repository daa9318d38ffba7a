"""What became of every reading: accounts, rejections with their payloads, doubts, restatements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from dashboards.page.amounts import shown
from dashboards.page.houses import counts_view
from dashboards.words import wording
from dashboards.words.findings import finding_text
from dashboards.words.wording import Lang, pick
from metering.site.model import Site
from metering.times import from_ms
from storage.sqlite_reader import Reader

_LIMIT: Final = 100
"""Rows of each list on the page; `kvartal` prints all of them."""
_EXCERPT: Final = 160


def accounting_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """What became of every reading, and what is in doubt."""
    counts = counts_view(reader, lang)
    reasons = counts.pop("reasons")
    return {
        "accounting": counts,
        "reasons": [
            [reason, pick(wording.REASONS.get(reason, (reason, reason)), lang), wording.number(n, lang)]
            for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
        ],
        "registers": [
            {
                "building": r.building if r.building in site.buildings else "",
                "house": _house(site, r.building) if r.building else pick(("погода", "weather"), lang),
                "meter": _point(site, r.building, r.meter, r.quantity, lang),
                "accepted": wording.number(r.accepted, lang),
                "duplicate": wording.number(r.duplicate, lang),
                "last": "—" if r.last_time is None else _when(r.last_time, site, lang),
            }
            for r in reader.ledger.registers()
        ],
        "rejected": [
            {
                "id": r["id"],
                "when": _when(r["received_at"], site, lang),
                "topic": r["topic"],
                "reason": r["reason"],
                "reason_text": pick(wording.REASONS.get(r["reason"], (r["reason"], r["reason"])), lang),
                "detail": r["detail"],
                "payload": _excerpt(r["payload"]),
            }
            for r in reader.rejected(limit=_LIMIT)
        ],
        "findings": findings_view(reader.findings(limit=_LIMIT), site, lang),
        "restatements": restatements_view(reader.restatements(limit=_LIMIT), site, lang),
        "limit": _LIMIT,
    }


def findings_view(findings: Iterable[dict[str, Any]], site: Site, lang: Lang) -> list[list[str]]:
    """Doubts about measurements: house, meter, what, from, to, detail."""
    return [
        [
            _house(site, f["building"]),
            _point(site, f["building"], f["meter"], f["quantity"], lang),
            wording.finding(f["kind"], lang),
            _when(f["start"], site, lang),
            _when(f["end"], site, lang),
            finding_text(f["kind"], f["figures"], _amounts(site, f, lang), lang),
        ]
        for f in findings
    ]


def restatements_view(restatements: Iterable[dict[str, Any]], site: Site, lang: Lang) -> list[list[str]]:
    """Days that were restated: house, meter, day, old, new, cause, when it was learned."""
    return [
        [
            _house(site, r["building"]),
            _point(site, r["building"], r["meter"], r["quantity"], lang),
            wording.date(r["date"], lang),
            _amount(site, r, "old", lang),
            _amount(site, r, "new", lang),
            wording.cause(r["cause"], lang),
            _when(r["learned_at"], site, lang),
        ]
        for r in restatements
    ]


def _house(site: Site, building: str) -> str:
    found = site.buildings.get(building)
    return (found.name or building) if found is not None else building


def _point(site: Site, building: str, meter: str, quantity: str, lang: Lang) -> str:
    """The meter's name, with what it measures where that is not its own register."""
    found = site.meters.get((building, meter))
    if found is None:
        return meter
    name = found.name or meter
    if quantity == found.quantity:
        return name
    return f"{name}, {pick(wording.QUANTITIES.get(quantity, (quantity, quantity)), lang)}"


def _amounts(site: Site, finding: dict[str, Any], lang: Lang) -> Callable[[int], str]:
    """How the amounts of a finding are written."""
    meter = site.meters.get((finding["building"], finding["meter"]))
    if meter is None:
        return lambda amount: wording.number(amount, lang)
    unit = shown(meter, finding["quantity"])
    return lambda amount: unit.text(amount, lang)


def _amount(site: Site, restatement: dict[str, Any], which: str, lang: Lang) -> str:
    found = site.meters.get((restatement["building"], restatement["meter"]))
    if restatement[which] is None:
        return pick(wording.NOT_KNOWN, lang)
    return "—" if found is None else shown(found, restatement["quantity"]).text(restatement[which], lang)


def _when(ms: int, site: Site, lang: Lang) -> str:
    return wording.moment(from_ms(ms).astimezone(site.zone), lang)


def _excerpt(payload: bytes) -> str:
    text = payload[:_EXCERPT].decode("utf-8", errors="replace")
    return text + (" …" if len(payload) > _EXCERPT else "")
