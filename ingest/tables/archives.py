"""Rows of a meter's archive or of monthly acts -> readings or rejections, by the field map of the site file. Pure.

Theory of operation
-------------------
A table is read twice. First as a whole (`ingest.tables.survey`): what no row can tell by itself is told from all rows,
or the table is refused. Then row by row.

A table has a header somewhere near its top: the row that has all named columns. Each row below it is about one meter
and one time: an hour, a day or a month (`interval`) or an instant (`register`). Every cell that is not empty, in a
column that is mapped, is one reading: it is accepted or rejected by itself, and the rejection names row and column.
A row whose time cannot be read (a signature) and a row of totals are rejected whole and count their cells. All cells
of a column whose values do not fit its unit are rejected (`ingest.tables.plausible`). The header's own rows, its units,
its column numbers and its copies on later pages are no readings.

The unit is that of the site file's field map, else that of the header, else the meter's own.

The use of an interval keeps its interval: the ledger books it as it stands. A gauge's mean over an interval is a
reading at its middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from ingest.reasons import Reject
from ingest.tables.cells import BadCell, hours_run, is_empty, number, says_error, with_unit
from ingest.tables.dates import Order
from ingest.tables.headers import HeaderRows, find_columns, run_time_unit, unit_over
from ingest.tables.plausible import SAMPLE, Key, Misfit, may_not_fit, misfits
from ingest.tables.sheets import Row
from ingest.tables.spans import Spans
from ingest.tables.survey import Survey, survey
from metering.events import Nature, Readings, Rejected
from metering.site.model import Site
from metering.site.sources import Archive
from metering.times import DAY_MS, HOUR_MS, clock
from metering.units import QUANTITIES, UNITS, AbsurdValue, Unit, to_amount

PER_EVENT: Final = 744
"""Readings of one event: a month of hours."""
_WHOLE_INTERVAL: Final = 0.99
"""A run time below this share of the interval is reported."""

_FIRST_ROWS: Final = 200
"""Rows that tell the units of a table's columns."""
_HOURS: Final = {"hour": 1, "day": 23, "month": 28 * 24}
"""Shortest interval of a row [h]."""

_StatedKey = tuple[str, str, str, int]
"""Building, meter, quantity, and when its intervals were issued [ms]."""


class Tally:
    """Counts of a table's rows, for the person who imports it."""

    def __init__(self) -> None:
        self.rows = 0
        self.rows_with_error = 0
        """Rows with an error code of the meter. Their values are taken."""
        self.rows_cut_short = 0
        """Rows whose run time is shorter than the interval. Their values are taken."""
        self.too_late = 0
        self.totals_rows = 0
        """Rows of totals that have a time. Their values are rejected."""
        self.implausible = 0
        """Uses of intervals that are above the meter's bound. The ledger does not book them."""
        self.doubts: list[str] = []
        """Sentences about columns that were not taken."""


def archive_events(
    rows: Callable[[], Iterable[Row]],
    *,
    archive: Archive,
    site: Site,
    meter: tuple[str, str] | None,
    name: str,
    received_at: int,
    backfill: bool,
    tally: Tally,
    issued: int = 0,
    order: Order | None = None,
) -> Iterator[Readings | Rejected]:
    """The readings and rejections of a table.

    Args:
        rows: Gives the rows, the header among them; called up to four times.
        archive: The field map.
        site: The site.
        meter: Building and meter; None if a column names them.
        name: Name of the file, for rejections.
        received_at: When it is imported [ms].
        backfill: Whether readings older than the site's lateness horizon are accepted.
        tally: Counts the rows.
        issued: When the table was issued [ms], for rows that do not say; 0 if no one states it.
        order: The order of day, month and year, if someone states it.

    Raises:
        ingest.tables.headers.NoHeader: the table does not have the columns of the field map.
        ingest.tables.survey.Unclear: the order of its dates or its time of issue cannot be told.
    """
    zone = site.zone if archive.timezone is None else clock(archive.timezone)
    surveyed = survey(
        rows(), archive=archive, zone=zone, received_at=received_at, order=order, issue_is_known=bool(issued)
    )
    topic = "/".join(("import", *(meter or ()), name))

    def table(tally: Tally, horizon: int) -> _Table:
        spans = Spans(
            archive=archive,
            columns=surveyed.columns,
            dates=surveyed.dates,
            issue_dates=surveyed.issue_dates,
            zone=zone,
            received_at=received_at,
            horizon=horizon,
        )
        return _Table(archive, surveyed, spans, site, meter, topic, received_at, tally, issued)

    reading = table(tally, -1 if backfill else received_at - site.site.lateness_days * DAY_MS)
    units, unfit = _misfits(surveyed, archive, site, meter, rows, lambda: table(Tally(), -1))
    names = {quantity: column for quantity, _, column in surveyed.columns.values}
    for key, misfit in unfit.items():
        tally.doubts.append(misfit.sentence(key, units[key], names[key[2]], archive.id))
        if not misfit.is_taken:
            reading.unfit[key] = misfit.fits
    yield from reading.events(_below_header(rows(), archive, None))


def _misfits(
    surveyed: Survey,
    archive: Archive,
    site: Site,
    meter: tuple[str, str] | None,
    rows: Callable[[], Iterable[Row]],
    table: Callable[[], _Table],
) -> tuple[dict[Key, Unit], dict[Key, Misfit]]:
    """Units of columns, and the columns whose values do not fit them."""

    def trial(most: int) -> tuple[dict[Key, Unit], list[Readings]]:
        tried = table()
        events = tried.events(_below_header(rows(), archive, most))
        return tried.units, [event for event in events if isinstance(event, Readings)]

    def in_doubt(text: object, quantity: str, values: Sequence[float]) -> bool:
        building, _, point = ("", "", "") if text is None else str(text).strip().partition("/")
        key = (*(meter or (building, point)), quantity)
        unit = units.get(key)
        if unit is None:
            return key[:2] in site.meters
        bound = site.meters[key[:2]].max_per_hour_of(quantity) / float(unit.scale)
        return may_not_fit(values, bound, _HOURS[archive.interval] if archive.kind == "interval" else None)

    units, _ = trial(_FIRST_ROWS)
    if not any(in_doubt(text, quantity, values) for (text, quantity), values in surveyed.values.items()):
        return units, {}
    units, readings = trial(SAMPLE)
    return units, misfits(readings, site, units)


def _below_header(rows: Iterable[Row], archive: Archive, most: int | None) -> Iterator[Row]:
    """The rows below the header, at most `most` of them."""
    iterator = iter(rows)
    find_columns(iterator, archive)
    return islice(iterator, most)


class _Table:
    """Turns the rows of a table into events."""

    def __init__(
        self,
        archive: Archive,
        surveyed: Survey,
        spans: Spans,
        site: Site,
        meter: tuple[str, str] | None,
        topic: str,
        received_at: int,
        tally: Tally,
        issued: int,
    ) -> None:
        self._archive, self._columns, self._spans = archive, surveyed.columns, spans
        self._totals = surveyed.totals
        self._site, self._meter, self._tally = site, meter, tally
        self._topic, self._received_at = topic, received_at
        self._header = HeaderRows(surveyed.columns, archive.decimal)
        self._begun = False
        self._names = {quantity: column for quantity, _, column in surveyed.columns.values}
        self._issued = issued or surveyed.issued
        self._gathered = _Gathered(
            received_at, source=archive.stated_by if archive.kind == "interval" else ""
        )
        self.units: dict[Key, Unit] = {}
        """Units of the columns met so far."""
        self.unfit: dict[Key, tuple[str, ...]] = {}
        """Columns whose values do not fit their unit -> the units in which they would."""
        self._other_units = Counter[tuple[Key, str]]()
        """Values whose cell names another unit than their column has."""
        self._bounds: dict[Key, int] = {}
        self._encoder = msgspec.json.Encoder(enc_hook=str)

    def events(self, rows: Iterable[Row]) -> Iterator[Readings | Rejected]:
        """The events of rows."""
        for row in rows:
            self._tally.rows += 1
            yield from self.row(row)
        yield from self._gathered.take_all()
        for (key, name), count in self._other_units.items():
            building, meter, quantity = key
            self._tally.doubts.append(
                f"column {self._names[quantity]!r}: {count} values of {building}/{meter} {quantity} name {name}, the "
                f"column is in {self.units[key].name}, and none of them is taken: if they are right, set "
                f'units = {{ {quantity} = "{name}" }} in [[archive]] {self._archive.id!r}'
            )

    def row(self, row: Row) -> Iterator[Readings | Rejected]:
        """The events that a row completes: rejections of its cells, and readings if enough are gathered."""
        cells = row.cells
        width = len(cells)
        values = [
            (quantity, cells[at], column)
            for quantity, at, column in self._columns.values
            if at < width and not is_empty(cells[at])
        ]
        if not values:
            self._spans.carry(cells)
            return
        if (why := self._totals.get(row.number)) is not None:
            self._tally.totals_rows += 1
            yield self._rejected(
                row, Reject("totals", f"a row of totals: {why}"), len(values), f"row {row.number}"
            )
            return
        try:
            meter = self._meter_of(cells)
            start, end = self._spans.of(cells, meter)
            issued = self._spans.issued(cells) or self._issued
        except Reject as bad:
            self._tally.too_late += bad.reason == "too_late"
            if self._header.has(cells, (cell for _, cell, _ in values), begun=self._begun):
                return
            yield self._rejected(row, bad, len(values), f"row {row.number}")
            return
        self._begun = True
        self._note(cells, start, end)
        first = True
        for quantity, cell, column in values:
            key = (*meter, quantity)
            try:
                amount = self._amount(key, cell)
                if key in self.unfit:
                    raise _unfit(self.unfit[key])
                self._tally.implausible += self._is_implausible(key, start, end, amount)
                self._gathered.add((*key, issued), start, end, amount)
            except (Reject, BadCell, AbsurdValue) as bad:
                reject = bad if isinstance(bad, Reject) else Reject("bad_value", str(bad))
                yield self._rejected(row, reject, 1, f"row {row.number}, column {column!r}", whole=first)
                first = False
                continue
            if (ready := self._gathered.full((*key, issued))) is not None:
                yield ready

    def _meter_of(self, cells: Sequence[Any]) -> tuple[str, str]:
        """Building and meter of a row.

        Raises:
            Reject: the site file does not have the meter, or it is virtual.
        """
        at = self._columns.meter
        if at is None:
            assert self._meter is not None
            return self._meter
        text = str(cells[at]).strip() if at < len(cells) else ""
        building, _, meter = text.partition("/")
        if (building, meter) not in self._site.meters:
            raise Reject("unknown_meter", f"the site file has no meter {text!r} (expected building/meter)")
        if self._site.meters[building, meter].virtual is not None:
            raise Reject("virtual_meter", f"{text} is computed from others")
        return building, meter

    def _note(self, cells: Sequence[Any], start: int, end: int) -> None:
        """Count the row's error code and short run time."""
        at = self._columns.error
        if at is not None and at < len(cells) and says_error(cells[at]):
            self._tally.rows_with_error += 1
        at = self._columns.run_time
        if at is not None and at < len(cells) and self._archive.kind == "interval":
            hours = hours_run(cells[at], self._archive.decimal, run_time_unit(self._header.text_over(at)))
            if hours is not None and hours * HOUR_MS < _WHOLE_INTERVAL * (end - start):
                self._tally.rows_cut_short += 1

    def _amount(self, key: Key, cell: Any) -> int:
        """The value of a cell in base units.

        Raises:
            BadCell, AbsurdValue: it is no number, or none that a meter can show.
            Reject: it is a negative use of an interval, or names another unit than its column has.
        """
        unit = self.units.get(key)
        if unit is None:
            unit = self.units[key] = self._unit(key)
        try:
            value = number(cell, self._archive.decimal)
        except BadCell:
            named = with_unit(cell)
            if named is None:
                raise
            value = number(named[0], self._archive.decimal)
            if named[1] != unit:
                self._other_units[key, named[1].name] += 1
                raise Reject("wrong_unit", f"{cell!r:.40}: the column is in {unit.name}") from None
        amount = to_amount(value, unit)
        if amount < 0 and self._archive.kind == "interval" and QUANTITIES[key[2]].nature != "gauge":
            raise Reject("bad_value", f"{cell!r:.40}: nothing is used backwards")
        return amount

    def _is_implausible(self, key: Key, start: int, end: int, amount: int) -> bool:
        """Whether the ledger will not book the use of an interval."""
        if start == end or QUANTITIES[key[2]].nature != "register":
            return False
        bound = self._bounds.get(key)
        if bound is None:
            bound = self._bounds[key] = self._site.meters[key[:2]].max_per_hour_of(key[2])
        return amount * HOUR_MS > bound * (end - start)

    def _unit(self, key: Key) -> Unit:
        building, meter, quantity = key
        named = self._archive.units.get(quantity)
        if named is not None:
            return UNITS[named]
        for name, at, _ in self._columns.values:
            if name == quantity and (over := unit_over(self._header.text_over(at), quantity)) is not None:
                return over
        described = self._site.meters[building, meter]
        return UNITS[described.unit if quantity == described.quantity else QUANTITIES[quantity].unit]

    def _rejected(
        self, row: Row, reject: Reject, readings: int, where: str, *, whole: bool = True
    ) -> Rejected:
        """A rejection of `readings` cells; only the first of a row (`whole`) has the row as its payload."""
        payload = self._encoder.encode(list(row.cells)) if whole else b""
        detail = f"{where}: {reject}" + ("" if whole else " (payload: see the first rejection of the row)")
        return Rejected(
            topic=self._topic,
            payload=payload,
            reason=reject.reason,
            detail=detail,
            received_at=self._received_at,
            readings=readings,
        )


def _unfit(fits: tuple[str, ...]) -> Reject:
    would = f"; as {' or '.join(fits)} it would fit" if fits else ""
    return Reject("implausible", f"most of the column is above what the meter's bound allows{would}")


class _Gathered:
    """Readings of a table that are not an event yet, by meter, quantity and time of issue."""

    def __init__(self, received_at: int, *, source: str) -> None:
        self._received_at, self._source = received_at, source
        self._readings: dict[_StatedKey, list[tuple[int, int, int]]] = {}
        """(time, amount, start)"""

    def add(self, key: _StatedKey, start: int, end: int, amount: int) -> None:
        """Add a reading of an interval; a gauge's is at the interval's middle."""
        if QUANTITIES[key[2]].nature == "gauge":
            start = end = start + (end - start) // 2
        self._readings.setdefault(key, []).append((end, amount, start))

    def full(self, key: _StatedKey) -> Readings | None:
        """The readings of a key as an event, if there are enough."""
        return self._take(key) if len(self._readings[key]) >= PER_EVENT else None

    def _take(self, key: _StatedKey) -> Readings:
        building, meter, quantity, issued = key
        readings = self._readings.pop(key)
        nature: Nature = QUANTITIES[quantity].nature
        intervals = nature == "register" and bool(self._source)
        return Readings(
            building=building,
            meter=meter,
            quantity=quantity,
            nature="interval" if intervals else nature,
            times=tuple(time for time, _, _ in readings),
            amounts=tuple(amount for _, amount, _ in readings),
            received_at=self._received_at,
            starts=tuple(start for _, _, start in readings) if intervals else (),
            issued=issued if intervals else 0,
            source=self._source if intervals else "",
        )

    def take_all(self) -> Iterator[Readings]:
        """All readings as events."""
        for key in list(self._readings):
            yield self._take(key)
