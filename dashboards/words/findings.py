"""The figures of findings in words, in Russian and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dashboards.words.lang import Lang, pick
from metering.findings import AMOUNTS

DETAILS: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "conflict": (
        ("values", "значений на один момент: {values}", "{values} values for one instant"),
        ("other", "другой расход за то же время: {other}", "another use of the same time: {other}"),
    ),
    "spike_dropped": (
        (
            "values",
            "случайных значений: {values}, первое {first}",
            "stray values: {values}, the first {first}",
        ),
    ),
    "rollover": (
        (
            "before",
            "показание перешло с {before} на {after}; принято после показаний: {readings}",
            "the register went from {before} to {after}; believed after {readings} readings",
        ),
    ),
    "exchange_contradicted": (
        (
            "declared",
            "заявлено последнее показание {declared}, пришло {last}",
            "declared final register {declared}, last reading {last}",
        ),
    ),
    "frozen": (
        ("amount", "стоял, потом наверстал {amount} сразу", "stood still, then caught up {amount} at once"),
    ),
    "pulse_weight": (
        ("usual", "за сутки {amount}, обычно {usual}", "a day counts {amount}, usual were {usual}"),
    ),
    "leap": (
        ("usual", "{amount} сразу, обычно за сутки {usual}", "{amount} at once, a usual day counts {usual}"),
    ),
    "pending": (("before", "после {before} пришло {after}", "{after} came after {before}"),),
    "stalled": (
        (
            "rate",
            "после {last} пришло {first}; за час {rate}, граница {bound}",
            "{first} came after {last}; {rate} an hour, the bound is {bound}",
        ),
    ),
    "archive_differs": (
        (
            "register",
            "счётчик насчитал {register}, строки архива вместе {intervals}",
            "the register counted {register}, the archive's rows add up to {intervals}",
        ),
    ),
    "implausible": (("amount", "за интервал {amount}", "an interval of {amount}"),),
    "overlap": (
        (
            "amount",
            "{amount} за время, которое частью уже посчитано",
            "{amount} over a time that is partly counted",
        ),
    ),
    "balance": (
        (
            "subs",
            "за {days} дн. подсчётчики {meters} насчитали {subs}, общий счётчик {main}",
            "over {days} days the sub-meters {meters} count {subs}, the main meter {main}",
        ),
    ),
    "balance_by_hour": (
        (
            "hours",
            "за {days} дн. подсчётчики в отдельные часы превышают общий на {amount}; "
            "время счётчика {meters} сдвинуто на {hours} ч",
            "over {days} days the sub-meters exceed the main meter by {amount} in some hours; "
            "the stamps of {meters} are late by {hours} h",
        ),
        (
            "amount",
            "за {days} дн. подсчётчики {meters} в отдельные часы насчитали {subs}, общий счётчик {main}",
            "over {days} days the sub-meters {meters} count {subs} in some hours, the main meter {main}",
        ),
    ),
    "shifted_hours": (
        (
            "hours",
            "суточный профиль сдвинут на {hours} ч; дней: {days}",
            "the daily profile is late by {hours} h; days: {days}",
        ),
    ),
    "weight_by_weather": (
        (
            "usual",
            "за {days} дн. {amount}, по погоде или дню недели было бы {usual}; множитель {numerator}/{denominator}?",
            "{amount} in {days} days, weather or weekday explain {usual}; a factor of {numerator}/{denominator}?",
        ),
    ),
    "energy_by_volume": (
        (
            "usual",
            "за {days} дн. {amount}, по объёму и температурам {usual}; множитель {numerator}/{denominator}?",
            "{amount} in {days} days, {usual} by volume and temperatures; a factor of {numerator}/{denominator}?",
        ),
    ),
    "gateway_clock": (
        (
            "offset",
            "метки времени отличаются от прихода на {offset} мин; дней: {days}, показаний: {readings}",
            "stamps differ from their arrival by {offset} min; days: {days}, readings: {readings}",
        ),
    ),
    "standstill": (
        (
            "flows",
            "дней без расхода: {days}, хотя расходомер показывает проток",
            "days without use: {days}, although the meter's own flow is not zero",
        ),
        ("days", "дней без расхода: {days}", "days without use: {days}"),
    ),
}
"""By kind of finding: (a figure, Russian, English); the first row whose figure the finding has is used."""

_SAME_AS: Final = {"unit_change": "rollover", "reset": "rollover", "exchange": "rollover"}


def finding_text(
    kind: str, figures: Mapping[str, int | str], amount: Callable[[int], str], lang: Lang
) -> str:
    """A finding's figures in words.

    Args:
        kind: A kind of `metering.findings.MEANINGS`.
        figures: By the names of `metering.findings.FIGURES`.
        amount: Writes an amount in base units with its unit.
        lang: The language.
    """
    written = {
        name: amount(value) if name in AMOUNTS and isinstance(value, int) else str(value)
        for name, value in figures.items()
    }
    for named_by, *words in DETAILS.get(_SAME_AS.get(kind, kind), ()):
        if named_by in figures:
            return pick((words[0], words[1]), lang).format(**written)
    # A finding that was stored before findings had figures.
    return str(figures.get("text") or ", ".join(f"{name} {value}" for name, value in written.items()))
