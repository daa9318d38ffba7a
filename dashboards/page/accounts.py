"""What became of every reading: accounts, rejections with their payloads, doubts, restatements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from dashboards.page.amounts import ABSENT, Shown, shown
from dashboards.page.chains import chains_view
from dashboards.page.notes import because, restated_figure
from dashboards.words.findings import finding_text
from dashboards.words.lang import Lang, pick
from dashboards.words.names import house_name, register_name
from dashboards.words.numbers import date, moment, number
from dashboards.words.terms import FINDINGS, REASONS, RESTATED, term
from metering.site.model import Site
from storage.sqlite_ledger import Register
from storage.sqlite_reader import Reader

_LIMIT: Final = 100
"""Rows of each list on the page; `kvartal` prints all of them."""
_EXCERPT: Final = 160
"""Bytes of a rejected payload in the list; the whole payload has its own address."""
_REJECTED: Final = "rejected:"
"""Prefix of the counts by reason."""


def counts_view(reader: Reader, lang: Lang) -> dict[str, Any]:
    """received = accepted + duplicate + rejected, and the count of each reason of a rejection."""
    counts = reader.counts()
    totals = ("received", "accepted", "duplicate", "rejected")
    return {
        **{name: number(counts.get(name, 0), lang) for name in totals},
        "reasons": {
            name.removeprefix(_REJECTED): count
            for name, count in counts.items()
            if name.startswith(_REJECTED)
        },
    }


def accounting_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """What became of every reading, and what is in doubt."""
    counts = counts_view(reader, lang)
    reasons = counts.pop("reasons")
    return {
        "accounting": counts,
        "reasons": [
            [reason, term(REASONS, reason, lang), number(count, lang)]
            for reason, count in sorted(reasons.items(), key=lambda entry: -entry[1])
        ],
        "registers": [_register(register, site, lang) for register in reader.ledger.registers()],
        "chains": chains_view(reader, site, lang),
        "rejected": [
            {
                "id": row["id"],
                "when": moment(row["received_at"], site.zone, lang),
                "topic": row["topic"],
                "reason": row["reason"],
                "reason_text": term(REASONS, row["reason"], lang),
                "detail": row["detail"],
                "payload": _excerpt(row["payload"]),
            }
            for row in reader.rejected(limit=_LIMIT)
        ],
        "findings": findings_view(reader.findings(limit=_LIMIT), site, lang),
        "restatements": restatements_view(reader.restatements(limit=_LIMIT, main=True), site, lang),
        "limit": _LIMIT,
    }


def _register(register: Register, site: Site, lang: Lang) -> dict[str, Any]:
    """A register's counts; a weather station's have no building."""
    building, last = register.building, register.last_time
    return {
        "building": building if building in site.buildings else "",
        "house": house_name(site, building) if building else pick(("погода", "weather"), lang),
        "meter": register_name(site, building, register.meter, register.quantity, lang),
        "accepted": number(register.accepted, lang),
        "duplicate": number(register.duplicate, lang),
        "last": ABSENT if last is None else moment(last, site.zone, lang),
    }


def findings_view(findings: Iterable[dict[str, Any]], site: Site, lang: Lang) -> list[list[str]]:
    """Doubts about measurements: house, meter, what, from, to, detail."""
    return [
        [
            *_place(row, site, lang),
            term(FINDINGS, row["kind"], lang),
            moment(row["start"], site.zone, lang),
            moment(row["end"], site.zone, lang),
            finding_text(row["kind"], row["figures"], _amounts(row, site, lang), lang),
        ]
        for row in findings
    ]


def restatements_view(restatements: Iterable[dict[str, Any]], site: Site, lang: Lang) -> list[list[str]]:
    """Figures that were restated: house, meter and figure, day, old, new, cause, when it was learned."""
    return [
        [
            *_figure(row, site, lang),
            date(row["date"], lang),
            restated_figure(row, "old", _shown(row, site), lang),
            restated_figure(row, "new", _shown(row, site), lang),
            because(row, site, lang),
            moment(row["learned_at"], site.zone, lang),
        ]
        for row in restatements
    ]


def _figure(row: dict[str, Any], site: Site, lang: Lang) -> tuple[str, str]:
    """House and register of a row, with the figure if it is not the use of the register."""
    house, register = _place(row, site, lang)
    named = [register, row["contract"], "" if row["what"] == "use" else term(RESTATED, row["what"], lang)]
    return house, ", ".join(filter(None, named))


def _place(row: dict[str, Any], site: Site, lang: Lang) -> tuple[str, str]:
    """House and register of a row."""
    return (
        house_name(site, row["building"]),
        register_name(site, row["building"], row["meter"], row["quantity"], lang),
    )


def _shown(row: dict[str, Any], site: Site) -> Shown | None:
    """How the amounts of a row are shown; None if the site file no longer lists its meter."""
    meter = site.meters.get((row["building"], row["meter"]))
    return None if meter is None else shown(meter, row["quantity"])


def _amounts(row: dict[str, Any], site: Site, lang: Lang) -> Callable[[int], str]:
    how = _shown(row, site)
    return partial(number, lang=lang) if how is None else partial(how.text, lang=lang)


def _excerpt(payload: bytes) -> str:
    text = payload[:_EXCERPT].decode("utf-8", errors="replace")
    return text + (" …" if len(payload) > _EXCERPT else "")
