"""A person's ruling in words, in Russian and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from dashboards.words.lang import Lang, pick
from metering.events import Ruling

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "no_exchange": ("{when}: замены счётчика не было", "{when}: no meter was exchanged"),
    "exchange": (
        "{when}: счётчик заменён, на старом {amount}, на новом {initial}",
        "{when}: the meter was exchanged, the old one showed {amount}, the new one {initial}",
    ),
    "unit": (
        "с {at} показания умножаются на {factor} ({unit})",
        "from {at} on counts are times {factor} ({unit})",
    ),
    "unit_declared": (
        "с {at} единица та, что объявлена в файле объекта",
        "from {at} on the unit is the one that the site file declares",
    ),
    "pulse_weight": (
        "с {at} прирост умножается на {factor}, показание было {amount}",
        "from {at} on what is counted is times {factor}, the count was {amount}",
    ),
    "not_ours": ("{when}: показание {amount} не наше", "{when}: the reading {amount} is not ours"),
    "not_ours_span": ("{when}: показания не наши", "{when}: the readings are not ours"),
    "replaces": (
        "{when}: строки источника «{replaced}» недействительны, верны строки «{source}»",
        "{when}: the rows of source “{replaced}” are void, those of “{source}” stand",
    ),
}
"""By kind of ruling."""

_SPAN: Final = ("с {start} по {at}", "{start} to {at}")


def ruling_text(
    ruling: Ruling, amount: Callable[[int], str], moment: Callable[[int], str], lang: Lang
) -> str:
    """What a ruling says.

    Args:
        ruling: The ruling.
        amount: Writes an amount in base units with its unit.
        moment: Writes an instant [ms].
        lang: The language.
    """
    at = moment(ruling.at)
    when = at if ruling.start is None else pick(_SPAN, lang).format(start=moment(ruling.start), at=at)
    factor = Fraction(ruling.num, ruling.den)
    name: str = ruling.kind
    if name == "unit" and factor == 1:
        name = "unit_declared"
    if name == "not_ours" and ruling.amount is None:
        name = "not_ours_span"
    return pick(SENTENCES[name], lang).format(
        at=at,
        when=when,
        factor=factor,
        unit=ruling.unit or "—",
        amount=amount(ruling.amount or 0),
        initial=amount(ruling.initial or 0),
        source=ruling.source or "—",
        replaced=ruling.replaced or "—",
    )
