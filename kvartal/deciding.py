"""What a person decides -> the events that state it: a ruling, the acceptance of a finding's proposal, a withdrawal.

The command line and the page send the same documents:

- `{"ruling": {...}}`, an entry as in `decisions.toml`;
- `{"rulings": [...]}`, several entries that say when they were stated;
- `{"accept": <id of a finding>, "author": ..., "reason": ...}`;
- `{"withdraw": <id of a ruling>, "author": ..., "reason": ...}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from kvartal.decisions import by_register, entry_of, ruling_of, withdrawal
from metering.events import RegisterId, Ruled, Ruling
from metering.ledger.proposals import propose
from metering.ledger.rulings import ruling_id
from metering.refusal import Refusal
from metering.site.model import Site
from metering.times import DAY_MS, iso
from storage.sqlite_reader import Reader


def decided(document: Mapping[str, Any], reader: Reader, site: Site, now: int) -> list[Ruled]:
    """The events of a decision.

    Args:
        document: What is decided, in one of the forms above.
        reader: The store, for findings, rulings and readings.
        site: The site.
        now: The time [ms].

    Raises:
        Refusal: the document is wrong, names what is unknown, or rules about deleted readings.
    """
    rulings = stated(document, reader.ledger.rulings(), site, now)
    if "accept" in document:
        rulings = _accepted(document, reader, now)
    if "ruling" in document:
        rulings = [(register, _with_count(register, ruling, reader)) for register, ruling in rulings]
    for register, ruling in rulings:
        cut = reader.ledger.head(*register).cut * DAY_MS
        if ruling.at < cut:
            raise Refusal(
                f"{register}: readings before {iso(cut)} are deleted: what they gave cannot be changed any more"
            )
    return by_register(rulings, now)


def stated(
    document: Mapping[str, Any], known: Iterable[tuple[RegisterId, Ruling]], site: Site, now: int
) -> list[tuple[RegisterId, Ruling]]:
    """The rulings that a document states or withdraws; none if it accepts a finding's proposal.

    Raises:
        Refusal: the document is wrong or names what is unknown.
    """
    forms = [name for name in ("ruling", "rulings", "accept", "withdraw") if name in document]
    if len(forms) != 1:
        raise Refusal("a decision has one of ruling, rulings, accept, withdraw")
    if "ruling" in document:
        return [ruling_of(entry_of(_table(document["ruling"]), "ruling"), site, "ruling", now=now)]
    if "rulings" in document:
        entries = document["rulings"]
        if not isinstance(entries, list):
            raise Refusal("rulings: expected a list")
        return [
            ruling_of(entry_of(_table(entry), f"ruling[{i}]"), site, f"ruling[{i}]")
            for i, entry in enumerate(entries)
        ]
    if "withdraw" in document:
        author, reason = _who(document)
        for register, ruling in known:
            if ruling_id(register, ruling) == document["withdraw"]:
                if ruling.withdrawn:
                    raise Refusal(f"ruling {document['withdraw']} is withdrawn already")
                return [(register, withdrawal(ruling, author=author, reason=reason, now=now))]
        raise Refusal(f"there is no ruling {document['withdraw']!r}; kvartal rule list names them")
    return []


def _with_count(register: RegisterId, ruling: Ruling, reader: Reader) -> Ruling:
    """A ruling about pulse weight with what the register showed when it began, if the person did not say."""
    if ruling.kind != "pulse_weight" or ruling.amount is not None:
        return ruling
    count = reader.ledger.stored(register).count_at(ruling.at)
    if count is None:
        raise Refusal(
            f"{register}: count: missing, and the store has no reading before {iso(ruling.at)}; expected what the "
            "register showed when the weight began (--count)"
        )
    return replace(ruling, amount=count)


def _accepted(document: Mapping[str, Any], reader: Reader, now: int) -> list[tuple[RegisterId, Ruling]]:
    """The rulings that a finding proposes, as the person's own."""
    author, reason = _who(document)
    for found in reader.found():
        if found.id == document["accept"]:
            proposed = propose(found, reader.ledger.stored(found.register))
            if not proposed:
                raise Refusal(f"finding {found.id} ({found.kind}) proposes no ruling")
            return [
                (found.register, replace(ruling, author=author, reason=reason, stated_at=now))
                for ruling in proposed
            ]
    raise Refusal(f"there is no finding {document['accept']!r}; kvartal rule propose names them")


def _who(document: Mapping[str, Any]) -> tuple[str, str]:
    """Author and reason of a document."""
    author, reason = document.get("author"), document.get("reason")
    if not (isinstance(author, str) and author.strip() and isinstance(reason, str) and reason.strip()):
        raise Refusal("author and reason: expected who decides, and why")
    return author.strip(), reason.strip()


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Refusal(f"ruling: expected an object, got {value!r}")
    return value
