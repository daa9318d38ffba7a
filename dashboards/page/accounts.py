"""What became of every reading: accounts, rejections with their payloads, doubts, restatements."""

from __future__ import annotations

from typing import Any, Final

from dashboards import wording
from dashboards.page.houses import counts_view
from dashboards.portfolio import SHOWN_UNIT
from dashboards.wording import Lang, pick
from metering.site import Site
from metering.times import from_ms
from metering.units import UNITS
from storage.sqlite_reader import Reader

_LIMIT: Final = 100
"""Rows of each list on the page; `kvartal` prints all of them."""
_EXCERPT: Final = 160


def accounting_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """What became of every reading, and what is in doubt."""

    def when(ms: int) -> str:
        pattern = "%d.%m.%Y %H:%M" if lang == "ru" else "%Y-%m-%d %H:%M"
        return from_ms(ms).astimezone(site.zone).strftime(pattern)

    def house(building: str) -> str:
        found = site.buildings.get(building)
        return (found.name or building) if found is not None else building

    def point(building: str, meter: str) -> str:
        found = site.meters.get((building, meter))
        return (found.name or meter) if found is not None else meter

    def amount(building: str, meter: str, value: int | None) -> str:
        found = site.meters.get((building, meter))
        if value is None or found is None:
            return "—"
        unit = SHOWN_UNIT[found.carrier]
        digits = 3 if unit == "Gcal" else 1
        return wording.quantity(value / float(UNITS[unit].scale), unit, lang, digits)

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
                "house": house(r.building) if r.building else pick(("погода", "weather"), lang),
                "meter": point(r.building, r.meter),
                "accepted": wording.number(r.accepted, lang),
                "duplicate": wording.number(r.duplicate, lang),
                "last": "—" if r.last_time is None else when(r.last_time),
            }
            for r in reader.registers()
        ],
        "rejected": [
            {
                "id": r["id"],
                "when": when(r["received_at"]),
                "topic": r["topic"],
                "reason": r["reason"],
                "reason_text": pick(wording.REASONS.get(r["reason"], (r["reason"], r["reason"])), lang),
                "detail": r["detail"],
                "payload": _excerpt(r["payload"]),
            }
            for r in reader.rejected(limit=_LIMIT)
        ],
        "findings": [
            [
                house(f["building"]),
                point(f["building"], f["meter"]),
                wording.doubts(f["kind"], lang),
                when(f["start"]),
                when(f["end"]),
                f["detail"],
            ]
            for f in reader.findings(limit=_LIMIT)
        ],
        "restatements": [
            [
                house(r["building"]),
                point(r["building"], r["meter"]),
                wording.date(r["date"], lang),
                amount(r["building"], r["meter"], r["old"]),
                amount(r["building"], r["meter"], r["new"]),
                pick(wording.CAUSES.get(r["cause"], (r["cause"], r["cause"])), lang),
                when(r["learned_at"]),
            ]
            for r in reader.restatements(limit=_LIMIT)
        ],
        "limit": _LIMIT,
    }


def _excerpt(payload: bytes) -> str:
    text = payload[:_EXCERPT].decode("utf-8", errors="replace")
    return text + (" …" if len(payload) > _EXCERPT else "")
