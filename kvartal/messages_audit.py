"""`kvartal audit --messages`: the store is what its raw messages give. `kvartal audit --heads`: the hash chains."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from dashboards.page.chains import head_row
from kvartal.rebuild import NEVER, Rebuilt, damaged_sites, rebuild
from metering.alerts.energy import instant
from metering.messages import Break, BreakKind, check
from metering.site.model import Site
from metering.times import DAY_MS, HOUR_MS, iso
from storage.sqlite_reader import Reader

_BREAKS: Final[dict[BreakKind, str]] = {
    "changed": "message {first} of {at} was changed",
    "missing": "{messages} {are} missing, after one of {at}",
    "unreadable": "{messages} cannot be read, the newest of {at}",
    "unlinked": "message {first} does not follow from the one before it, of {at}",
    "head": "the last message, {first} of {at}, gives another head than the store has",
}
_ALL_DATES: Final = (0, 10**7)
_Figures = dict[tuple[Any, ...], Any]


class Proof(NamedTuple):
    """The result of an audit by messages."""

    messages: int
    faults: list[str]
    notices: list[str]
    """What could not be compared, and why; no faults."""


def audit_messages(
    db: Path, *, building: str | None = None, progress: Callable[[int], None] = lambda _n: None
) -> Proof:
    """Rebuild the store at `db` from its messages in a temporary directory, and compare.

    Args:
        db: The store.
        building: One building only, from its messages and those of its station.
        progress: Called with the number of messages that were read.

    Raises:
        Refusal: as `rebuild` does.
    """
    reader = Reader(db)
    try:
        with tempfile.TemporaryDirectory(prefix="kvartal-audit-") as directory:
            path = Path(directory) / "rebuilt.db"
            rebuilt = rebuild(reader, path, building=building, progress=progress)
            second = Reader(path)
            try:
                faults = [*map(sentence, rebuilt.breaks), *_compare(reader, second, rebuilt)]
            finally:
                second.close()
    finally:
        reader.close()
    faults += _damaged(rebuilt.damaged_sites)
    kept = sum(chain.n - chain.deleted for chain in rebuilt.chains)
    return Proof(kept, faults, [*_notices(rebuilt)])


def broken_chains(db: Path) -> list[str]:
    """A sentence for each break of the chains: the part of the audit that needs no second store."""
    reader = Reader(db)
    try:
        loose = reader.messages.loose()
        breaks = [
            each
            for chain in reader.messages.chains()
            for each in check(chain, reader.messages.blocks(chain.subject, loose))
            if isinstance(each, Break)
        ]
        return [*map(sentence, breaks), *_damaged(damaged_sites(reader.messages.sites()))]
    finally:
        reader.close()


def _damaged(sites: int) -> list[str]:
    return [f"{sites} site files in the store were changed"] if sites else []


def heads(db: Path) -> list[dict[str, Any]]:
    """The chains of a store: what a customer notes in an act."""
    reader = Reader(db)
    try:
        return [head_row(chain) for chain in reader.messages.chains()]
    finally:
        reader.close()


def sentence(broken: Break) -> str:
    """A break in words."""
    one = broken.first == broken.last
    return f"{broken.subject.id}: " + _BREAKS[broken.kind].format(
        first=broken.first,
        at="unknown time" if broken.at is None else iso(broken.at),
        messages=f"message {broken.first}" if one else f"messages {broken.first} to {broken.last}",
        are="is" if one else "are",
    )


def _notices(rebuilt: Rebuilt) -> Iterator[str]:
    for building, begin in rebuilt.begins.items():
        for what, day in (("", begin.readings), ("weather ", begin.weather)):
            if day == NEVER:
                yield f"{building}: {what}not compared, no messages are kept yet"
            elif day:
                first = iso((day + 1) * DAY_MS)[:10]
                yield f"{building}: {what}compared from {first} on, earlier messages are not kept"


def _compare(store: Reader, rebuilt: Reader, result: Rebuilt) -> Iterator[str]:
    """A sentence for each kind of figure of a building in which the two stores differ."""
    for building, begin in result.begins.items():
        for name, read in _FIGURES.items():
            first = begin.weather if name == _WEATHER else begin.readings
            if first == NEVER or (name in _WHOLE and any(begin)):
                continue
            kept = _since(first, read(store, result.site, building))
            given = _since(first, read(rebuilt, result.site, building))
            if kept != given:
                yield f"{building}: {_difference(name, kept, given)}"


def _since(begin: int, figures: _Figures) -> _Figures:
    """The figures of days after the begin: the last element of a key is its instant [ms]."""
    first = (begin + 1) * DAY_MS
    return {key: figure for key, figure in figures.items() if key[-1] >= first} if begin else figures


def _difference(name: str, kept: Mapping[Any, Any], given: Mapping[Any, Any]) -> str:
    different = sorted(key for key in {*kept, *given} if kept.get(key) != given.get(key))
    *who, at = different[0]
    where = " ".join([*(each for each in who if isinstance(each, str)), *([iso(at)] if at else [])])
    return (
        f"{len(different)} {name} differ from what the messages give, first {where}: "
        f"the store has {kept.get(different[0], 'none')}, the messages give {given.get(different[0], 'none')}"
    )


def _ledger(reader: Reader, _site: Site, building: str) -> _Figures:
    rows = reader.ledger.rows(building=building)
    return {(row.meter, row.quantity, row.end, row.start): (row.amount, row.flags) for row in rows}


def _gauges(reader: Reader, _site: Site, building: str) -> _Figures:
    rows = reader.ledger.gauges(building=building)
    return {
        (row.meter, row.quantity, row.hour * HOUR_MS): (
            row.mean,
            row.low,
            row.high,
            row.covered_ms,
            row.flags,
        )
        for row in rows
    }


def _days(reader: Reader, _site: Site, building: str) -> _Figures:
    return {
        (register.meter, register.quantity, instant(day.date)): (
            day.used,
            day.known,
            day.unknown,
            day.estimated,
            day.coverage,
            day.flags,
        )
        for register in reader.ledger.registers()
        if register.building == building
        for day in reader.days(building, register.meter, register.quantity, *_ALL_DATES)
    }


def _weather(reader: Reader, _site: Site, building: str) -> _Figures:
    days = reader.weather_days(building, *_ALL_DATES)
    return {(day.station, instant(day.date)): (day.mean_mc, day.coverage) for day in days}


def _savings(reader: Reader, site: Site, building: str) -> _Figures:
    return {
        (contract.id, instant(day.date)): (
            day.expected,
            day.used,
            day.estimated,
            day.temp_mc,
            day.baseline_id,
            day.flags,
        )
        for contract in site.contract
        if contract.building == building
        for day in reader.savings(contract.id, *_ALL_DATES)
    }


def _findings(reader: Reader, _site: Site, building: str) -> _Figures:
    rows = reader.findings(limit=-1, building=building)
    return {
        (row["meter"], row["quantity"], row["kind"], str(row["figures"]), row["end"], row["start"]): "one"
        for row in rows
    }


def _accounts(reader: Reader, _site: Site, building: str) -> _Figures:
    return {
        (register.meter, register.quantity, 0): register.accepted
        for register in reader.ledger.registers()
        if register.building == building
    }


_WEATHER: Final = "days of weather"
_FIGURES: Final[dict[str, Callable[[Reader, Site, str], _Figures]]] = {
    "hours and unknown blocks": _ledger,
    "hours of gauges": _gauges,
    "days": _days,
    _WEATHER: _weather,
    "savings": _savings,
    "findings": _findings,
    "counts of accepted readings": _accounts,
}
"""What is compared, and how it is read."""
_WHOLE: Final = frozenset({"savings", "counts of accepted readings"})
"""What is compared only if all messages are kept."""
