"""What people read, in Russian and English: labels, verdicts, sentences, numbers with their units."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from metering.events import Alert
from metering.site.model import Site

Lang = Literal["ru", "en"]

MEASURES: Final[dict[str, tuple[str, str]]] = {
    "substation": ("ИТП с погодным регулированием", "weather-compensated substation"),
    "led": ("светодиоды и датчики", "LED and presence sensors"),
}

UNITS: Final[dict[str, tuple[str, str]]] = {
    "Wh": ("Вт·ч", "Wh"),
    "l": ("л", "l"),
    "Gcal": ("Гкал", "Gcal"),
    "MWh": ("МВт·ч", "MWh"),
    "kWh": ("кВт·ч", "kWh"),
    "m3": ("м³", "m³"),
    "RUB": ("₽", "RUB"),
    "m3/h": ("м³/ч", "m³/h"),
    "kW": ("кВт", "kW"),
}

VERDICTS: Final[dict[str, tuple[str, str]]] = {
    "proved": ("экономия доказана", "saving proved"),
    "below": ("доказана, но меньше обещанной", "proved, but below the promise"),
    "not_proved": ("экономия не доказана", "saving not proved"),
    "above": ("расход выше базового", "use above the baseline"),
    "waiting": ("данных ещё мало", "not enough data yet"),
}

CARRIERS: Final[dict[str, tuple[str, str]]] = {
    "heat": ("тепло", "heat"),
    "electricity": ("электричество", "electricity"),
    "cold_water": ("холодная вода", "cold water"),
    "hot_water": ("горячая вода", "hot water"),
    "gas": ("газ", "gas"),
}

QUANTITIES: Final[dict[str, tuple[str, str]]] = {
    "energy": ("энергия", "energy"),
    "volume": ("объём", "volume"),
    "supply_temperature": ("температура подачи", "supply temperature"),
    "return_temperature": ("температура обратки", "return temperature"),
    "indoor_temperature": ("температура в помещении", "indoor temperature"),
    "outdoor_temperature": ("температура на улице", "outdoor temperature"),
    "flow": ("расход теплоносителя", "flow"),
    "power": ("мощность", "power"),
}
"""Words for `metering.units.QUANTITIES`."""

GRADES: Final[dict[str, tuple[str, str]]] = {
    "A": ("надёжно: погрешность до четверти экономии", "firm: uncertain by a quarter of the saving at most"),
    "B": ("погрешность до половины экономии", "uncertain by half of the saving at most"),
    "C": ("экономия есть, размер известен грубо", "there is a saving, its size is known roughly"),
    "D": ("не доказано: погрешность больше экономии", "not settled: more uncertain than it is large"),
    "—": ("данных ещё мало", "not enough data yet"),
}
"""What a grade of `metering.savings.uncertainty.grade` means."""

FLAGS: Final[dict[str, tuple[str, str]]] = {
    "measured": ("измерено", "measured"),
    "interpolated": ("интерполяция: пропуск до 6 ч", "interpolated over a gap of at most 6 h"),
    "unknown": ("рядом разрыв: известна только сумма", "beside a gap known only in total"),
    "pending": ("ждёт подтверждения", "awaits later readings"),
    "conflict": ("два значения на один момент", "two values for one instant"),
    "spike_dropped": ("отброшен выброс", "a stray value was dropped"),
    "exchange": ("счётчик заменён", "meter exchanged"),
    "reset": ("счётчик начал с нуля", "the register began again near zero"),
    "rollover": ("переход через ноль", "the register passed its last digit"),
    "unit_change": ("сменилась единица, пересчитано", "unit changed, converted"),
    "frozen": ("стоял и наверстал", "stood still, then caught up"),
    "partial": ("часть часа", "part of the hour"),
    "pulse_weight": ("вес импульса под вопросом", "pulse weight in doubt"),
    "leap": ("сразу больше обычного дня", "more than a usual day at once"),
}
"""Words for `metering.flags.NAMES`."""

FINDINGS: Final[dict[str, tuple[str, str]]] = {
    "conflict": ("два значения на один момент", "two values for one instant"),
    "spike_dropped": ("случайный скачок, не учтён", "a stray value, left out"),
    "rollover": ("счётчик перешёл через ноль", "the register passed its last digit"),
    "reset": ("счёт начат заново", "the register began again"),
    "exchange": ("замена счётчика", "meter exchanged"),
    "exchange_contradicted": (
        "заявленная замена не сходится с показаниями",
        "a declared exchange does not fit the readings",
    ),
    "unit_change": ("сменилась единица измерения", "another unit"),
    "frozen": ("стоял, потом наверстал", "stood still, then caught up"),
    "pulse_weight": ("вес импульса?", "pulse weight?"),
    "leap": ("насчитал сразу больше обычного дня", "counted more than a usual day at once"),
    "archive_differs": ("архив расходится со счётчиком", "archive and register contradict each other"),
    "implausible": ("строка архива невозможна", "an impossible row of an archive"),
    "overlap": ("акт на время, посчитанное частью", "an act over a time counted in part"),
    "balance": (
        "части больше целого: субсчётчики насчитали больше общего",
        "parts exceed the whole: sub-meters count more than their main meter",
    ),
    "standstill": ("счётчик стоит", "the register stands still"),
}
"""What a finding is called, by its kind (`metering.findings`)."""

REASONS: Final[dict[str, tuple[str, str]]] = {
    "unknown_topic": ("тема не описана в файле площадки", "no source of the site file has this topic"),
    "unknown_meter": ("нет такого дома или счётчика", "no such building or meter"),
    "virtual_meter": (
        "счётчик расчётный, показаний не принимает",
        "the meter is computed and takes no readings",
    ),
    "unknown_station": ("нет такой метеостанции", "no such weather station"),
    "too_large": ("сообщение больше 1 МиБ", "longer than 1 MiB"),
    "too_deep": ("слишком глубокая вложенность", "nested too deeply"),
    "not_json": ("не JSON", "not JSON"),
    "no_reading": ("в сообщении нет показаний", "carries no reading"),
    "no_time": ("у показания нет времени", "the reading has no time"),
    "stale_retained": ("сохранённое брокером, без времени", "retained by the broker, without a time"),
    "bad_time": ("время не читается", "the time cannot be read"),
    "bad_value": ("значение не число", "the value is no number"),
    "no_unit": ("единица не указана", "no unit is named"),
    "unknown_unit": ("неизвестная единица", "unknown unit"),
    "wrong_unit": ("единица другой величины", "unit of another quantity"),
    "unknown_quantity": ("неизвестная величина", "unknown quantity"),
    "bad_exchange": ("замена счётчика заявлена неполно", "a declared exchange is incomplete"),
    "too_late": ("пришло слишком поздно", "arrived too late"),
    "before_retention": ("показания того времени уже удалены", "readings of that time are deleted"),
    "from_future": ("время из будущего", "time in the future"),
    "decoder_error": ("ошибка Kvartal при разборе", "Kvartal failed to decode it"),
}
"""Words for `ingest.reasons`."""

CAUSES: Final[dict[str, tuple[str, str]]] = {
    "later reading": ("пришло более позднее показание", "a later reading arrived"),
    "archive": ("загружен архив счётчика", "the meter's archive was imported"),
    "declared exchange": ("заявлена замена счётчика", "a meter exchange was declared"),
}
"""Why a figure was restated, by `metering.events.Hours.cause`."""

_CAUSE_OF_A_PART: Final = (" was restated", ("пересчитан {meter}", "{meter} was restated"))
"""The cause that a virtual meter gives: a meter that it is made of."""

NOT_KNOWN: Final = ("неизвестно", "not known")

PARTS: Final[dict[str, tuple[str, str]]] = {
    "unknown": ("{amount} известно только суммой", "{amount} known only in total"),
    "known": ("по часам известно {amount}", "{amount} known by hour"),
    "estimated": ("{amount} — оценка", "{amount} estimated"),
    "restated": (
        "пересчитано: было {old}, стало {new}; {cause}, {when}",
        "restated: was {old}, is {new}; {cause}, {when}",
    ),
}
"""What is said of a day of a meter."""

BALANCES: Final[dict[str, tuple[str, str]]] = {
    "known": (
        "С {first} по {last} известны полностью {days} дн.: общий счётчик показал {main}, "
        "подсчётчики вместе {subs}; общий {side} на {rest} ({share}).",
        "From {first} to {last} {days} days are fully known: the main meter counted {main}, "
        "its sub-meters together {subs}; the main meter counted {rest} {side} ({share}).",
    ),
    "more": ("больше", "more"),
    "less": ("меньше", "less"),
    "none": (
        "С {first} по {last} нет дня, за который известны все счётчики.",
        "From {first} to {last} there is no day of which all meters are known.",
    ),
    "unknown": (
        "Ещё {days} дн. известны только суммой: общий счётчик показал на {rest} {side}.",
        "Another {days} days are known only in total: the main meter counted {rest} {side}.",
    ),
    "untold": ("О {days} дн. сказать нечего.", "Of {days} days nothing can be told."),
}
"""A main meter against its sub-meters."""

STORIES: Final[dict[str, tuple[str, str]]] = {
    "saved": (
        "С {since} израсходовано на {avoided} меньше, чем без меры{weather}.",
        "Since {since} the use was {avoided} less than without the measure{weather}.",
    ),
    "overspent": (
        "С {since} израсходовано на {avoided} больше, чем без меры{weather}.",
        "Since {since} the use was {avoided} more than without the measure{weather}.",
    ),
    "weather": (" в ту же погоду", " in the same weather"),
    "money": ("По тарифу это {money}.", "By the tariff that is {money}."),
    "above": (
        "Но с {since} расход выше базового: перерасход {money}.",
        "But since {since} the use has been above the baseline: an excess of {money}.",
    ),
    "waiting": (
        "Отчётный период начинается {since}; первых цифр ещё нет.",
        "The reporting period begins on {since}; there are no figures yet.",
    ),
}
"""What a house saved, in one sentence."""

_MONTHS: Final[dict[Lang, tuple[str, ...]]] = {
    "ru": (
        "январь", "февраль", "март", "апрель", "май", "июнь",
        "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip

TABLE: Final[dict[Lang, tuple[str, ...]]] = {
    "ru": ("Дом", "Мера", "Обещано", "Измерено, 90 %", "Истина", "₽/год", "Вывод"),
    "en": ("House", "Measure", "Promised", "Measured, 90 %", "Truth", "RUB/year", "Verdict"),
}

ACCOUNTING: Final[dict[Lang, str]] = {
    "ru": "получено {received} = принято {accepted} + дубли {duplicate} + отклонено {rejected}; потеряно {lost}",
    "en": "received {received} = accepted {accepted} + duplicates {duplicate} + rejected {rejected}; lost {lost}",
}


def pick(words: tuple[str, str], lang: Lang) -> str:
    """The Russian or the English of a pair."""
    return words[0 if lang == "ru" else 1]


def measure(name: str, lang: Lang) -> str:
    """What the measure is called; a measure of one's own keeps its name."""
    return pick(MEASURES.get(name, (name, name)), lang)


def finding(kind: str, lang: Lang) -> str:
    """What a finding of the kind is called."""
    return pick(FINDINGS.get(kind, (kind, kind)), lang)


def unit(name: str, lang: Lang) -> str:
    """How a unit is written."""
    return pick(UNITS.get(name, (name, name)), lang)


def number(value: float, lang: Lang, digits: int = 0) -> str:
    """A number with thin spaces between thousands, and a decimal comma in Russian; a true minus sign."""
    text = f"{abs(value):,.{digits}f}".replace(",", "\u202f")
    if lang == "ru":
        text = text.replace(".", ",")
    negative = round(value, digits) < 0
    return f"−{text}" if negative else text


def percent(value: float, lang: Lang, digits: int = 1) -> str:
    """`12,3 %`"""
    return f"{number(value, lang, digits)}\u202f%"


def interval(lo: float, hi: float, lang: Lang) -> str:
    """`10,1…14,5 %`"""
    return f"{number(lo, lang, 1)}…{percent(hi, lang)}"


def quantity(value: float, name: str, lang: Lang, digits: int = 0) -> str:
    """A number with its unit."""
    return f"{number(value, lang, digits)}\u202f{unit(name, lang)}"


def range_of(lo: float, hi: float, name: str, lang: Lang, digits: int = 0) -> str:
    """`4 900…5 300 Гкал`"""
    return f"{number(lo, lang, digits)}…{quantity(hi, name, lang, digits)}"


def large(value: float, name: str, lang: Lang) -> str:
    """An amount that is read at a glance: `14,6 млн ₽`, `328 тыс. ₽`."""
    size = abs(value)
    if size >= 999_500:
        text, word = number(value / 1e6, lang, 1 if size < 99.95e6 else 0), pick(("млн", "M"), lang)
    elif size >= 10_000:
        text, word = number(value / 1e3, lang), pick(("тыс.", "k"), lang)
    else:
        return quantity(value, name, lang)
    return f"{text}\u202f{word}\u202f{unit(name, lang)}"


def money(hundredths: int, currency: str, lang: Lang) -> str:
    """An amount of money, in whole currency units."""
    return f"{number(hundredths / 100, lang)}\u202f{unit(currency, lang)}"


def date(ordinal: int, lang: Lang) -> str:
    """`15.10.2024` or `2024-10-15`."""
    day = dt.date.fromordinal(ordinal)
    return day.strftime("%d.%m.%Y") if lang == "ru" else day.isoformat()


def month(year: int, number_of: int, lang: Lang) -> str:
    """`январь 2025`, of month 1..12."""
    return f"{_MONTHS[lang][number_of - 1]} {year}"


def moment(local: dt.datetime, lang: Lang) -> str:
    """`15.10.2024 07:30` or `2024-10-15 07:30`, of a local time."""
    return local.strftime("%d.%m.%Y %H:%M" if lang == "ru" else "%Y-%m-%d %H:%M")


def cause(name: str, lang: Lang) -> str:
    """Why a figure was restated."""
    end, words = _CAUSE_OF_A_PART
    if name.endswith(end):
        return pick(words, lang).format(meter=name.removesuffix(end))
    return pick(CAUSES.get(name, (name, name)), lang)


def doubts(names: str, lang: Lang) -> str:
    """What the flags of an hour or a day say, from `metering.flags.names`."""
    return "; ".join(pick(FLAGS.get(name, (name, name)), lang) for name in names.split("|"))


_SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "meter_silent": (
        "{where}: {subject} молчит {hours} ч; последнее показание {last}",
        "{where}: {subject} has been silent for {hours} h; last reading {last}",
    ),
    "no_saving": (
        "{where}, {measure}: экономия не доказана: {savings} ({lo}…{hi}) за {days} дн.",
        "{where}, {measure}: saving not proved: {savings} ({lo}…{hi}) over {days} days",
    ),
    "below_guarantee": (
        "{where}, {measure}: экономия {savings} меньше обещанных {guarantee}; недостаёт {money}",
        "{where}, {measure}: saving {savings} is below the promised {guarantee}; short by {money}",
    ),
    "above_baseline": (
        "{where}, {measure}: расход выше базового на {excess} за последние {days} дн.; перерасход {money}",
        "{where}, {measure}: use above the baseline by {excess} over the last {days} days; excess {money}",
    ),
}


def sentence(alert: Alert, site: Site, lang: Lang) -> str:
    """What an alert says to a person."""
    building = site.buildings.get(alert.building)
    where = (building.name or building.id) if building is not None else alert.building
    contract = site.contracts.get(alert.subject)
    detail = alert.detail

    def pct(name: str) -> str:
        return percent(float(detail.get(name, 0)), lang)

    last_ms = int(detail.get("last_reading_ms", 0))
    last = "—"
    if last_ms:
        last = moment(dt.datetime.fromtimestamp(last_ms / 1000, site.zone), lang)
    subject = alert.subject
    if alert.kind == "meter_silent":
        subject = _meter_name(alert, site, lang)
    return pick(_SENTENCES[alert.kind], lang).format(
        where=where,
        subject=subject,
        measure=measure(contract.measure, lang) if contract is not None else "",
        hours=detail.get("hours", 0),
        last=last,
        savings=pct("savings_pct"),
        lo=number(float(detail.get("lo_pct", 0)), lang, 1),
        hi=pct("hi_pct"),
        guarantee=pct("guarantee_pct"),
        excess=pct("excess_pct"),
        days=detail.get("days", 0),
        money=money(alert.money, site.site.currency, lang),
    )


def _meter_name(alert: Alert, site: Site, lang: Lang) -> str:
    if not alert.subject:
        return pick(("весь дом (все счётчики)", "the whole house (all meters)"), lang)
    meter = site.meters.get((alert.building, alert.subject))
    return (meter.name or meter.id) if meter is not None else alert.subject
