"""The hash chains over the messages of houses and stations: on the page, and whole for programs."""

from __future__ import annotations

from typing import Any, Final

from dashboards.page.amounts import ABSENT
from dashboards.words.lang import Lang, pick
from dashboards.words.names import house_name
from dashboards.words.numbers import moment, number
from metering.messages import Chain
from metering.site.model import Site
from metering.times import iso
from storage.sqlite_reader import Reader

_SHOWN: Final = 16
"""Hex digits of a head on the page: enough to tell two apart."""


def chains_view(reader: Reader, site: Site, lang: Lang) -> list[dict[str, Any]]:
    """House or station, how many messages, the beginning of the head, when the last message came, since when."""
    return [
        {
            "building": chain.subject.id if chain.subject.id in site.buildings else "",
            "house": _name(chain, site, lang),
            "messages": number(chain.n, lang),
            "head": chain.head.hex()[:_SHOWN],
            "last": ABSENT if chain.last_at is None else moment(chain.last_at, site.zone, lang),
            "since": moment(chain.since, site.zone, lang) if chain.since else "",
        }
        for chain in reader.messages.chains()
    ]


def heads_view(reader: Reader) -> dict[str, Any]:
    """The chains with their whole heads."""
    return {"chains": [head_row(chain) for chain in reader.messages.chains()]}


def head_row(chain: Chain) -> dict[str, Any]:
    """A chain for programs: whose, messages in all, head, arrival of the last, messages kept, and since when."""
    return {
        chain.subject.kind: chain.subject.id,
        "messages": chain.n,
        "head": chain.head.hex(),
        "last": None if chain.last_at is None else iso(chain.last_at),
        "kept": chain.n - chain.deleted,
        "since": iso(chain.since) if chain.since else None,
    }


def _name(chain: Chain, site: Site, lang: Lang) -> str:
    if chain.subject.kind == "station":
        return f"{pick(('погода', 'weather'), lang)} {chain.subject.id}"
    return house_name(site, chain.subject.id)
