"""Rulings of persons, and the questions that wait for one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from dashboards.page.amounts import shown
from dashboards.words.findings import finding_text
from dashboards.words.lang import Lang
from dashboards.words.names import house_name, register_name
from dashboards.words.numbers import moment, number
from dashboards.words.rulings import ruling_text
from dashboards.words.terms import FINDINGS, term
from metering.events import RegisterId
from metering.ledger.proposals import propose
from metering.ledger.rulings import in_force, ruling_id
from metering.site.model import Site
from storage.sqlite_reader import Reader

_LIMIT: Final = 100


def rulings_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """All rulings, the newest first, and findings that propose one."""
    rulings = reader.ledger.rulings()
    effective = in_force(rulings)
    return {
        "rulings": [
            {
                "id": (id := ruling_id(register, ruling)),
                **_place(register, site, lang),
                "text": ruling_text(ruling, _amounts(register, site, lang), _moments(site, lang), lang),
                "author": ruling.author,
                "reason": ruling.reason,
                "stated": moment(ruling.stated_at, site.zone, lang),
                "in_force": (register, id) in effective,
                "withdrawn": ruling.withdrawn,
                "withdrawn_by": ruling.withdrawn_by,
                "withdrawn_because": ruling.withdrawn_because,
            }
            for register, ruling in sorted(rulings, key=lambda each: -each[1].stated_at)
        ],
        "proposals": _proposals(reader, site, lang),
        "limit": _LIMIT,
    }


def _proposals(reader: Reader, site: Site, lang: Lang) -> list[dict[str, Any]]:
    """The newest findings that a ruling would settle, with the ruling."""
    proposals = []
    for found in reader.found(limit=_LIMIT):
        rulings = propose(found, reader.ledger.stored(found.register))
        if not rulings:
            continue
        amounts, moments = _amounts(found.register, site, lang), _moments(site, lang)
        proposals.append(
            {
                "id": found.id,
                **_place(found.register, site, lang),
                "kind": term(FINDINGS, found.kind, lang),
                "from": moments(found.start),
                "to": moments(found.end),
                "detail": finding_text(found.kind, found.figures, amounts, lang),
                "proposal": [ruling_text(ruling, amounts, moments, lang) for ruling in rulings],
            }
        )
    return proposals


def _place(register: RegisterId, site: Site, lang: Lang) -> dict[str, str]:
    return {
        "house": house_name(site, register.building),
        "meter": register_name(site, register.building, register.meter, register.quantity, lang),
    }


def _amounts(register: RegisterId, site: Site, lang: Lang) -> Callable[[int], str]:
    """Writes amounts of a register; as plain numbers if the site file no longer lists its meter."""
    meter = site.meters.get(register.of_meter)
    if meter is None:
        return partial(number, lang=lang)
    return partial(shown(meter, register.quantity).text, lang=lang)


def _moments(site: Site, lang: Lang) -> Callable[[int], str]:
    return lambda ms: moment(ms, site.zone, lang)
