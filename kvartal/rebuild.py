"""Messages of a store -> a second store that they alone give: what `kvartal audit --messages` compares with.

Theory of operation
-------------------
The messages of the buildings, and those of their stations, go through the same pipeline as when they arrived, merged by
their arrival. Each is decoded by the site file that decoded it then. The pipeline is that of the site file which was
used last: law 2 (docs/laws.md) says that its figures depend on no other. Declared exchanges come with the site file.
Baselines are inputs (law 5): where the messages lead to another one, the store's is adopted. Rulings are inputs too: a
person decides them, with name and reason, and the store lists them.

If the first messages of a building are not kept, because retention has deleted them or the store is older than its
chain, the rebuilt ledger begins with the store's blocks of the days up to then, and only later days are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from pydantic import ValidationError

from ingest.decode import Decoder
from kvartal.decisions import by_register
from kvartal.site_events import awaited, declared
from metering.events import Awaited, Declared, Decoded, Fitted, Readings, Rejected, Ruled
from metering.ledger.blocks import Block, Head
from metering.messages import EVENT, RETAINED, Break, Chain, Kept, Subject, check, digest
from metering.parts import HEAD, PartName, utc_day
from metering.refusal import Refusal
from metering.site.model import Site
from metering.times import DAY_MS
from metering.units import QUANTITIES
from storage.sqlite import Store
from storage.sqlite_ledger import Register
from storage.sqlite_messages import SiteFile
from storage.sqlite_reader import Reader
from streams.codec import NotOurs, decode, encode, stranger
from streams.embedded import Embedded

_BATCH: Final = 500


NEVER: Final = 10**6
"""The begin of what has no messages yet: a UTC day that does not come."""


class Begin(NamedTuple):
    """UTC days from which on a building is rebuilt from messages; 0 if from the beginning."""

    readings: int
    weather: int


class DamagedSite(Refusal):
    """A site file in the store is no site file any more."""

    status: ClassVar[int] = 1


class Rebuilt(NamedTuple):
    """What the messages of a store gave."""

    site: Site
    """The site file of the pipeline, with the buildings that were rebuilt."""
    chains: list[Chain]
    breaks: list[Break]
    damaged_sites: int
    """Site files of the store that are not the ones that its messages were decoded by."""
    begins: dict[str, Begin]
    """By building."""


def rebuild(
    reader: Reader,
    into: Path,
    *,
    building: str | None = None,
    progress: Callable[[int], None] = lambda _n: None,
) -> Rebuilt:
    """Run the messages of the store into a new one at `into`.

    Args:
        reader: The store.
        into: Path of the new store.
        building: Of this building and its station only.
        progress: Called with the number of messages after each commit.

    Raises:
        Refusal: the store has no messages, no such building, or a site file that this version does not read.
        DamagedSite: a site file was changed and cannot be read.
    """
    files = reader.messages.sites()
    if not files:
        raise Refusal("the store has no messages yet: they are kept from the first start of this version on")
    site = _site_of(files[-1], building)
    sites = {file.text.digest: file for file in files}
    chains = [chain for chain in reader.messages.chains() if _concerns(chain.subject, site)]
    begins = {id: _begin(id, reader, site, chains) for id in site.buildings}
    breaks: list[Break] = []
    store = Store(into)
    try:
        store.commit(parts=_seeds(reader, begins), events=(), counts={})
        runner = Embedded(site=site, store=store, decode=Decoder(site).decode)
        last, done = 0, 0
        for batch in _batches(_messages(reader, chains, breaks)):
            if not done:
                runner.enter(_site_events(files, site), batch[0].message[2])
            last = max(last, *(kept.message[2] for kept in batch))
            runner.enter(_decoded(batch, sites, site), max(kept.message[2] for kept in batch))
            done += len(batch)
            progress(done)
        runner.enter(_rulings(reader, site, last), last)
        for fitted in _baselines(reader, site, into, last):
            runner.adopt(fitted)
        runner.tick(last)
    finally:
        store.close()
    return Rebuilt(site, chains, breaks, damaged_sites(files), begins)


def damaged_sites(files: Iterable[SiteFile]) -> int:
    """How many site files are not the ones that messages were decoded by."""
    return sum(digest(file.text.document).digest != file.text.digest for file in files)


def messages_of(reader: Reader, building: str | None) -> int:
    """How many messages `rebuild` reads."""
    files = reader.messages.sites()
    if not files:
        return 0
    site = _site_of(files[-1], building)
    return sum(
        chain.n - chain.deleted for chain in reader.messages.chains() if _concerns(chain.subject, site)
    )


def _site_of(file: SiteFile, building: str | None = None) -> Site:
    """The site of a stored site file, with one building of it or all.

    Raises:
        Refusal: this version does not read it, or it has no such building.
    """
    try:
        site = Site.model_validate_json(file.text.document)
    except ValidationError as error:
        if digest(file.text.document).digest != file.text.digest:
            raise DamagedSite("a site file in the store was changed and cannot be read") from None
        raise Refusal(f"the site file in the store cannot be read: {error}") from None
    if building is None:
        return site
    if building not in site.buildings:
        raise Refusal(f"--building: got {building!r}, the site file has {', '.join(site.buildings)}")
    tables: dict[str, Any] = json.loads(file.text.document)
    tables["building"] = [each for each in tables["building"] if each["id"] == building]
    tables["contract"] = [each for each in tables.get("contract", ()) if each["building"] == building]
    return Site.model_validate_json(json.dumps(tables))


def _concerns(subject: Subject, site: Site) -> bool:
    if subject.kind == "building":
        return subject.id in site.buildings
    return bool(site.buildings_of.get(subject.id))


def _begin(building: str, reader: Reader, site: Site, chains: Iterable[Chain]) -> Begin:
    since = {chain.subject: _day_after(chain.since) for chain in chains}
    readings = since.get(Subject("building", building), 0)
    if readings:
        # The ledger takes no readings from before its own cut.
        registers = [each for each in reader.ledger.registers() if each.building == building]
        cuts = [
            reader.ledger.head(each.building, each.meter, each.quantity).cut for each in _counting(registers)
        ]
        readings = max([readings, *cuts])
    station = site.buildings[building].station or ""
    return Begin(readings, since.get(Subject("station", station), 0))


def _counting(registers: Iterable[Register]) -> list[Register]:
    return [each for each in registers if QUANTITIES[each.quantity].nature == "register"]


def _day_after(since: int | None) -> int:
    """UTC day after the last one whose messages are not all kept."""
    if since is None:
        return 0
    return since // DAY_MS + 1 if since else NEVER


def _seeds(reader: Reader, begins: Mapping[str, Begin]) -> dict[tuple[str, PartName], bytes | None]:
    """Blocks of the days before the begin of each building, as the store has them."""
    parts: dict[tuple[str, PartName], bytes | None] = {}
    for register in _counting(reader.ledger.registers()):
        begin = begins[register.building].readings if register.building in begins else 0
        if not begin:
            continue
        name = (register.building, register.meter, register.quantity)
        head, blocks = reader.ledger.head(*name), reader.ledger.blocks(*name)
        seeds = {day: block for day, block in zip(head.days(), blocks, strict=True) if day < begin}
        if seeds:
            key = f"ledger/{'/'.join(name)}"
            parts[key, HEAD] = encode(_head_before(head, seeds))
            parts.update({(key, utc_day(day)): encode(block) for day, block in seeds.items()})
    return parts


def _head_before(head: Head, seeds: Mapping[int, Block]) -> Head:
    return Head(
        spans=Head().with_days(seeds),
        reaching=tuple(entry for entry in head.reaching if entry[0] in seeds),
        by_site=tuple(exchange for exchange in head.by_site if exchange.at // DAY_MS <= max(seeds)),
        rules=head.rules,
        fold_version=head.fold_version,
        cut=head.cut,
        deleted=head.deleted,
        rulings=head.rulings,
    )


def _rulings(reader: Reader, site: Site, now: int) -> list[Ruled]:
    """What persons decided about the registers of the site."""
    rulings = reader.ledger.rulings()
    return by_register(((of, ruling) for of, ruling in rulings if of.of_meter in site.meters), now)


def _messages(reader: Reader, chains: Iterable[Chain], breaks: list[Break]) -> Iterator[Kept]:
    """The messages of all chains merged by arrival, each chain in its order; breaks are put aside."""
    loose = reader.messages.loose()

    def of(chain: Chain) -> Iterator[Kept]:
        for each in check(chain, reader.messages.blocks(chain.subject, loose)):
            if isinstance(each, Break):
                breaks.append(each)
            else:
                yield each

    return merge(*map(of, chains), key=lambda kept: kept.message[2])


def _batches(messages: Iterator[Kept]) -> Iterator[list[Kept]]:
    while batch := list(islice(messages, _BATCH)):
        yield batch


def _site_events(files: list[SiteFile], site: Site) -> list[Declared | Awaited]:
    """The events of the site files: all requests for history, and the exchanges that the last one declares."""
    requests = [event for file in files for event in awaited(_site_of(file), file.first_at)]
    known = [event for event in requests if stranger(event, site) is None]
    return [*declared(site, files[-1].entered_at), *known]


def _decoded(batch: Iterable[Kept], sites: Mapping[bytes, SiteFile], site: Site) -> Iterator[Decoded]:
    """The events of messages, but those of meters that the site no longer has."""
    decoders: dict[bytes, Decoder] = {}
    for subject, _, (topic, payload, received_at, form), by in batch:
        events: list[Any] = []
        if form == EVENT:
            try:
                events = [decode(payload)]
            except NotOurs:
                continue  # a changed message, named as such
        elif by in sites:
            decoder = decoders.get(by)
            if decoder is None:
                decoder = decoders[by] = Decoder(_site_of(sites[by]))
            events = list(decoder.decode(topic, payload, received_at=received_at, retain=form == RETAINED))
        for event in events:
            if isinstance(event, Rejected | Awaited):
                continue
            if isinstance(event, Readings) and event.building != subject.id:
                continue  # a changed message, named as such
            if stranger(event, site) is None:
                yield event


def _baselines(reader: Reader, site: Site, rebuilt: Path, now: int) -> Iterator[Fitted]:
    """The store's baselines in force, where the rebuilt store has others."""
    second = Reader(rebuilt)
    try:
        for contract in site.contract:
            ids = reader.baseline_ids(contract.id)
            document = reader.baseline(contract.id)
            if document is not None and second.baseline_ids(contract.id)[:1] != ids[:1]:
                yield Fitted(
                    building=contract.building,
                    contract=contract.id,
                    baseline_id=ids[0],
                    document=document,
                    received_at=now,
                )
    finally:
        second.close()
