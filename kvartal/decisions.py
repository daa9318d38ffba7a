"""Rulings as people write them: entries of `decisions.toml`, options of `kvartal rule`, the page's form.

`decisions.toml` stands beside the site file. It is the import and export of rulings: what it states is entered at each
start and when it changes, and stating it again changes nothing. An entry that is removed from the file withdraws
nothing; an entry with `withdrawn` does.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metering.events import RegisterId, Ruled, Ruling, RulingKind
from metering.refusal import Refusal
from metering.site.meters import Meter
from metering.site.model import Site
from metering.times import UTC, iso, to_ms
from metering.units import QUANTITIES, UNITS, AbsurdValue, Unit, UnknownUnit, to_amount, unit_named

FILE: Final = "decisions.toml"

_ALWAYS: Final = dt.datetime(2200, 1, 1, tzinfo=UTC)
"""End of a span without one."""
_FROM_ON: Final = ("unit", "pulse_weight")
"""Kinds that hold from an instant on."""


class Entry(BaseModel):
    """A ruling as a person writes it. Values are in `unit`; instants without an offset are of the site's time zone."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    meter: str
    """building/meter."""
    quantity: str | None = None
    """`energy` or `volume`; the meter's own if not given."""
    kind: RulingKind
    at: dt.datetime | None = None
    from_: dt.datetime | None = Field(None, alias="from")
    to: dt.datetime | None = None
    unit: str | None = None
    """Of a `unit` ruling the unit that the register counts in; else the unit of the values below."""
    weight: str = ""
    """The pulse weight in words."""
    factor: str | int | Decimal | None = None
    """What counts as sent are multiplied by: 1000, 0.1 or 1/1163."""
    count: Decimal | None = None
    """What the register showed when a pulse weight began."""
    value: Decimal | None = None
    """The reading that is not ours; the use of the interval that is replaced."""
    final: Decimal | None = None
    """What the old register of an exchange showed at last."""
    initial: Decimal | None = None
    """What the new one showed at first."""
    source: str = ""
    replaces: str = ""
    author: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    stated: dt.datetime | None = None
    withdrawn: dt.datetime | None = None
    withdrawn_by: str = ""
    withdrawn_because: str = ""


def entry_of(document: Mapping[str, Any], where: str) -> Entry:
    """An entry from a document.

    Raises:
        Refusal: names `where`, the key, the value and what is allowed.
    """
    try:
        return Entry.model_validate({key: value for key, value in document.items() if value is not None})
    except ValidationError as error:
        faults = [
            f"{where}: {'.'.join(map(str, fault['loc'])) or 'entry'}: {fault['msg']}, got {fault['input']!r}"
            for fault in error.errors(include_url=False)
        ]
        raise Refusal("\n".join(faults)) from None


def ruling_of(entry: Entry, site: Site, where: str, *, now: int | None = None) -> tuple[RegisterId, Ruling]:
    """The register and the ruling of an entry.

    Args:
        entry: The entry.
        site: The site, for meters, their units and the time zone.
        where: Names the place in errors.
        now: When the entry is stated if it does not say so [ms]; None if it must.

    Raises:
        Refusal: the meter is unknown, or the entry lacks what its kind needs.
    """

    def refuse(text: str) -> Refusal:
        return Refusal(f"{where}: {text}")

    building, _, id = entry.meter.partition("/")
    meter = site.meters.get((building, id))
    if meter is None or meter.virtual is not None:
        raise refuse(f"meter: got {entry.meter!r}, expected building/meter of a register of the site file")
    quantity = entry.quantity or meter.quantity
    if quantity not in QUANTITIES or QUANTITIES[quantity].nature != "register":
        raise refuse(f"quantity: got {quantity!r}, expected energy or volume")
    stated = entry.withdrawn or entry.stated
    if stated is None and now is None:
        raise refuse("stated: missing; expected when the ruling was made, e.g. 2026-03-05T10:00:00+03:00")
    at, start = _times(entry, site, refuse)
    unit = _unit(entry, meter, quantity, refuse)
    factor = _factor(entry, unit, meter, quantity, refuse)
    needed = {"exchange": ("final", "initial"), "replaces": ("replaces",)}.get(entry.kind, ())
    for name in needed:
        # The source of intervals may be empty: what was stored before sources were kept.
        if getattr(entry, name) is None:
            raise refuse(f"{name}: missing; a ruling {entry.kind!r} needs it")
    values = {"exchange": entry.final, "pulse_weight": entry.count}.get(entry.kind, entry.value)
    ruling = Ruling(
        kind=entry.kind,
        at=at,
        start=start,
        num=factor.numerator,
        den=factor.denominator,
        amount=_amount(values, unit, refuse),
        unit=unit.name if entry.kind == "unit" and entry.unit is not None else entry.weight,
        source=entry.source,
        replaced=entry.replaces,
        author=entry.author,
        reason=entry.reason,
        stated_at=_ms(stated, site) if stated is not None else (now or 0),
        withdrawn=entry.withdrawn is not None,
        withdrawn_by=entry.withdrawn_by,
        withdrawn_because=entry.withdrawn_because,
        initial=_amount(entry.initial, unit, refuse),
    )
    return RegisterId(building, id, quantity), ruling


def _times(entry: Entry, site: Site, refuse: Any) -> tuple[int, int | None]:
    """The instant of a ruling, and the begin of its span if it has one [ms]."""
    if entry.kind in _FROM_ON:
        if entry.from_ is None or entry.at is not None or entry.to is not None:
            raise refuse(
                f"from: expected the instant from which on {entry.kind!r} holds, and neither at nor to"
            )
        return _ms(entry.from_, site), None
    if entry.at is not None:
        if entry.from_ is not None or entry.to is not None:
            raise refuse("at: expected either at, or from and to")
        return _ms(entry.at, site), None
    if entry.kind == "replaces":
        start = _ms(entry.from_, site) if entry.from_ is not None else 0
        return _ms(entry.to or _ALWAYS, site), start
    if entry.from_ is None or entry.to is None:
        raise refuse(f"at: missing; {entry.kind!r} needs an instant, or from and to")
    return _ms(entry.to, site), _ms(entry.from_, site)


def _unit(entry: Entry, meter: Meter, quantity: str, refuse: Any) -> Unit:
    declared = _declared_unit(meter, quantity)
    if entry.unit is None:
        return declared
    try:
        unit = unit_named(entry.unit)
    except UnknownUnit as error:
        raise refuse(f"unit: {error}") from None
    if unit.quantity != declared.quantity:
        raise refuse(f"unit: {unit.name!r} does not measure {quantity}")
    return unit


def _declared_unit(meter: Meter, quantity: str) -> Unit:
    return UNITS[meter.unit if quantity == meter.quantity else QUANTITIES[quantity].unit]


def _factor(entry: Entry, unit: Unit, meter: Meter, quantity: str, refuse: Any) -> Fraction:
    """What counts as sent are multiplied by. They were decoded in the unit that the site file declares."""
    if entry.kind not in _FROM_ON:
        return Fraction(1)
    if entry.factor is None:
        if entry.kind == "pulse_weight":
            raise refuse("factor: missing; expected what the counts are multiplied by, e.g. 10 or 1/10")
        return unit.scale / _declared_unit(meter, quantity).scale
    try:
        factor = Fraction(str(entry.factor))
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if not Fraction(1, 10**9) <= factor <= 10**9:
        raise refuse(f"factor: got {entry.factor!r}, expected a number above zero, e.g. 1000, 0.1 or 1/1163")
    return factor


def _amount(value: Decimal | None, unit: Unit, refuse: Any) -> int | None:
    try:
        return None if value is None else to_amount(value, unit)
    except AbsurdValue as error:
        raise refuse(str(error)) from None


def _ms(when: dt.datetime, site: Site) -> int:
    aware = when if when.tzinfo is not None else when.replace(tzinfo=site.zone)
    return to_ms(aware.astimezone(UTC))


def read_decisions(path: Path, site: Site) -> list[tuple[RegisterId, Ruling]]:
    """The rulings of a file; none if there is no such file.

    Raises:
        Refusal: the file cannot be read, or an entry is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text, parse_float=Decimal)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"{path}: not TOML: {error}") from None
    unknown = sorted({*tables} - {"ruling"})
    entries = tables.get("ruling", [])
    if unknown or not isinstance(entries, list):
        raise Refusal(f"{path}: expected tables [[ruling]], got {', '.join(unknown) or 'ruling'}")
    rulings = []
    for number, document in enumerate(entries):
        where = f"{path}: ruling[{number}]"
        rulings.append(ruling_of(entry_of(document, where), site, where))
    return rulings


def by_register(rulings: Iterable[tuple[RegisterId, Ruling]], now: int) -> list[Ruled]:
    """One event a register, in the order of the registers."""
    gathered: dict[RegisterId, list[Ruling]] = {}
    for register, ruling in rulings:
        gathered.setdefault(register, []).append(ruling)
    return [
        Ruled(**register.fields(), rulings=tuple(gathered[register]), received_at=now)
        for register in sorted(gathered)
    ]


def document_of(register: RegisterId, ruling: Ruling) -> dict[str, Any]:
    """A ruling as an entry whose values are integers of the base unit; `entry_of` reads it back as the same ruling."""
    base = QUANTITIES[register.quantity].base
    entry: dict[str, Any] = {
        "meter": f"{register.building}/{register.meter}",
        "quantity": register.quantity,
        "kind": ruling.kind,
    }
    if ruling.kind in _FROM_ON:
        entry["from"] = iso(ruling.at)
        entry["factor"] = f"{ruling.num}/{ruling.den}"
    elif ruling.start is None:
        entry["at"] = iso(ruling.at)
    else:
        entry["from"], entry["to"] = iso(ruling.start), iso(ruling.at)
    if ruling.kind == "unit":
        entry |= {"unit": ruling.unit} if ruling.unit else {}
    else:
        names = {"exchange": "final", "pulse_weight": "count"}
        values = {names.get(ruling.kind, "value"): ruling.amount, "initial": ruling.initial}
        given = {name: amount for name, amount in values.items() if amount is not None}
        entry |= given | ({"unit": base} if given else {})
        if ruling.unit:
            entry["weight"] = ruling.unit
    if ruling.kind == "replaces":
        entry |= {"source": ruling.source, "replaces": ruling.replaced}
    entry |= {"author": ruling.author, "reason": ruling.reason}
    if not ruling.withdrawn:
        return entry | {"stated": iso(ruling.stated_at)}
    by = {"withdrawn_by": ruling.withdrawn_by, "withdrawn_because": ruling.withdrawn_because}
    return entry | {"withdrawn": iso(ruling.stated_at)} | {name: text for name, text in by.items() if text}


_INSTANTS: Final = frozenset({"at", "from", "to", "stated", "withdrawn"})


def write_decisions(rulings: Sequence[tuple[RegisterId, Ruling]]) -> str:
    """The rulings as the text of a `decisions.toml`, in a fixed order."""
    tables = []
    for register, ruling in sorted(
        rulings, key=lambda each: (each[0], each[1].stated_at, json.dumps(document_of(*each)))
    ):
        lines = ["[[ruling]]"]
        for name, value in document_of(register, ruling).items():
            # An instant is a bare TOML datetime; a JSON string is a TOML basic string too, DEL apart.
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{name} = {value if name in _INSTANTS else text}")
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def withdrawal(ruling: Ruling, *, author: str, reason: str, now: int) -> Ruling:
    """The statement that a ruling is void."""
    stated_at = max(now, ruling.stated_at + 1)
    return replace(ruling, stated_at=stated_at, withdrawn=True, withdrawn_by=author, withdrawn_because=reason)


def in_words(register: RegisterId, ruling: Ruling) -> str:
    """A ruling in one line, as the options of `kvartal rule add` would state it."""
    entry = document_of(register, ruling)
    shown = [entry["kind"]]
    for name in ("at", "from", "to", "factor", "unit", "weight", "value", "count", "final", "initial"):
        if name in entry:
            shown.append(f"{name} {entry[name]}")
    if ruling.kind == "replaces":
        shown.append(f"{ruling.replaced or 'unnamed source'} by {ruling.source or 'nothing'}")
    return " ".join(map(str, shown))
