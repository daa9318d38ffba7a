"""The terms of a contract on its page: normalised savings, money, payback, its formula, and proposed changes."""

from __future__ import annotations

from typing import Any, Final

from dashboards.contract_view import view_of
from dashboards.words.contract import LABELS, change_text, lines
from dashboards.words.lang import Lang, pick
from metering.site.contracts import Contract
from metering.site.model import Site
from storage.sqlite_reader import Reader

_ELSEWHERE: Final = ("house", "verdict", "change")
"""Lines that the page of a contract shows elsewhere."""


def terms_view(reader: Reader, site: Site, contract: Contract, lang: Lang) -> dict[str, Any]:
    """The lines of `kvartal contract`, and the changes of use that wait for a decision."""
    view = view_of(reader, site, contract)
    elsewhere = {pick(LABELS[name], lang) for name in _ELSEWHERE}
    return {
        "lines": [[label, text] for label, text in lines(view, site, lang) if label not in elsewhere],
        "missing": view.missing,
        "outages": len(view.outages),
        "changes": [change_text(change, view, lang) for change in view.changes],
    }
