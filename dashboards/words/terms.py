"""Terms of the field: what measures, carriers, quantities, verdicts, grades, flags, findings and reasons are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dashboards.words.lang import Lang, pick

MEASURES: Final[dict[str, tuple[str, str]]] = {
    "substation": ("ИТП с погодным регулированием", "weather-compensated substation"),
    "led": ("светодиоды и датчики", "LED and presence sensors"),
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
    "uncounted": ("часть суток никто не считал", "no register counted a part of the day"),
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
    "stalled": ("показания не продолжают прежние", "readings do not follow from those before"),
    "pending": ("новые показания под вопросом", "the newest readings are in doubt"),
    "archive_differs": ("архив расходится со счётчиком", "archive and register contradict each other"),
    "implausible": ("строка архива невозможна", "an impossible row of an archive"),
    "overlap": ("акт на время, посчитанное частью", "an act over a time counted in part"),
    "balance": (
        "части больше целого: субсчётчики насчитали больше общего",
        "parts exceed the whole: sub-meters count more than their main meter",
    ),
    "balance_by_hour": (
        "части больше целого по часам",
        "parts exceed the whole by the hour",
    ),
    "shifted_hours": ("часы сдвинуты", "the hours are shifted"),
    "weight_by_weather": ("вес импульса или единица? (по погоде)", "pulse weight or unit? (by weather)"),
    "energy_by_volume": ("вес импульса или единица? (по объёму)", "pulse weight or unit? (by volume)"),
    "gateway_clock": ("часы шлюза неверны", "the gateway's clock is wrong"),
    "standstill": ("счётчик стоит", "the register stands still"),
}
"""Words for the kinds of `metering.findings`."""

REASONS: Final[dict[str, tuple[str, str]]] = {
    "totals": ("строка итогов таблицы", "a row of totals in a table"),
    "implausible": (
        "почти весь столбец больше, чем счётчик может насчитать: другая единица?",
        "most of a column is more than the meter can count: another unit?",
    ),
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

RULINGS: Final[dict[str, tuple[str, str]]] = {
    "no_exchange": ("замены не было", "no exchange"),
    "exchange": ("была замена", "an exchange"),
    "unit": ("единица", "unit"),
    "pulse_weight": ("вес импульса", "pulse weight"),
    "not_ours": ("показание не наше", "a reading that is not ours"),
    "replaces": ("один архив вместо другого", "one archive in place of another"),
}
"""Kinds of `metering.events.Ruling`."""

CAUSES: Final[dict[str, tuple[str, str]]] = {
    "later reading": ("пришло более позднее показание", "a later reading arrived"),
    "archive": ("загружен архив счётчика", "the meter's archive was imported"),
    "declared exchange": ("заявлена замена счётчика", "a meter exchange was declared"),
    "weather": ("изменилась погода дня", "the weather of the day changed"),
    "baseline": ("принята другая базовая модель", "another baseline was adopted"),
    "site file": ("изменился файл площадки", "the site file changed"),
    "new rules of the ledger": ("новые правила учёта", "new rules of the ledger"),
}
"""Why a figure was restated, by `metering.events.Hours.cause`."""

_CAUSE_OF_A_PART: Final = (" was restated", ("пересчитан {meter}", "{meter} was restated"))
"""The cause of a virtual meter: one of its members was restated."""

RESTATED: Final[dict[str, tuple[str, str]]] = {
    "use": ("расход", "use"),
    "known": ("известно по часам", "known by hour"),
    "unknown": ("известно только суммой", "known only in total"),
    "estimated": ("оценка", "estimated"),
    "flags": ("отметки", "notes"),
    "temperature": ("температура на улице", "outdoor temperature"),
    "expected": ("ожидалось без меры", "expected without the measure"),
    "adjustment": ("поправка", "adjustment"),
    "saving": ("сэкономлено за день", "saved on the day"),
    "saving_to_date": ("сэкономлено к этому дню", "saved to this day"),
}
"""Figures that are restated, by `metering.events.Restated.what`."""

_RULING: Final = (
    ("ruling: ", ("решение: {kind}, принял {author}", "ruling: {kind} by {author}")),
    (
        "ruling withdrawn: ",
        ("отозвано решение: {kind}, отозвал {author}", "ruling withdrawn: {kind} by {author}"),
    ),
)
"""The cause of what a person ruled, by its beginning."""

NOT_KNOWN: Final = ("неизвестно", "not known")


def term(words: Mapping[str, tuple[str, str]], name: str, lang: Lang) -> str:
    """The words for a name of one of these tables; a name that the table does not list stands for itself."""
    return pick(words.get(name, (name, name)), lang)


def measure(name: str, lang: Lang) -> str:
    """What a measure is called; a measure that only the site file names keeps its name."""
    return term(MEASURES, name, lang)


def cause(name: str, lang: Lang) -> str:
    """Why a figure was restated."""
    end, words = _CAUSE_OF_A_PART
    if name.endswith(end):
        return pick(words, lang).format(meter=name.removesuffix(end))
    for begin, ruled in _RULING:
        kind, by, author = name.removeprefix(begin).partition(" by ")
        if name.startswith(begin) and by:
            return pick(ruled, lang).format(kind=term(RULINGS, kind, lang), author=author)
    return term(CAUSES, name, lang)


def flag_text(names: str, lang: Lang) -> str:
    """What the flags of an hour or a day mean, from `metering.flags.names`."""
    return "; ".join(term(FLAGS, name, lang) for name in names.split("|"))
