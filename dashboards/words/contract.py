"""The report on a contract in words: lines of (label, text) in Russian or English."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import date, decimals_of, money, number, percent, percent_range, unit
from dashboards.words.terms import VERDICTS, measure
from metering.alerts.changes import Change
from metering.report.parts import ContractView, DeclaredEvent
from metering.savings.assess import Saving
from metering.savings.sufficiency import Doubt
from metering.site.model import Site

LABELS: Final[dict[str, tuple[str, str]]] = {
    "house": ("Дом", "House"),
    "verdict": ("Вывод", "Verdict"),
    "period": ("Период", "Period"),
    "used": ("Ожидалось / израсходовано", "Expected / used"),
    "avoided": ("Экономия, 90 %", "Saving, 90 %"),
    "grade": ("Оценка", "Grade"),
    "unadjusted": ("То же без поправок", "The same unadjusted"),
    "typical": ("В типичный год, 90 %", "In a typical year, 90 %"),
    "money": ("Деньги, 90 %", "Money, 90 %"),
    "emission": ("CO₂, 90 %", "CO₂, 90 %"),
    "payback": ("Простая окупаемость", "Simple payback"),
    "formula": ("Формула договора", "The contract's formula"),
    "hot_water": ("Из них горячая вода", "Hot water in it"),
    "baseline": ("Базовая модель", "Baseline"),
    "drift": ("Изменение год от года", "Change between years"),
    "outages": ("Дни без подачи", "Days without supply"),
    "doubt": ("Сомнение", "Doubt"),
    "change": ("Предложено, не применено", "Proposed, not applied"),
    "event": ("Событие", "Event"),
}

REASONS: Final[dict[str, tuple[str, str]]] = {
    "no_baseline": (
        "базовой модели ещё нет: базовый период не закончился или в нём мало полных дней",
        "there is no baseline yet: its period has not passed or has too few complete days",
    ),
    "no_days": (
        "в отчётном периоде ещё нет дней с цифрой",
        "no day of the reporting period has a figure yet",
    ),
    "short_reporting": (
        "нужен почти год дней отчётного периода (329 из последних 365)",
        "needs nearly a year of reporting days (329 of the last 365)",
    ),
    "unfit": (
        "по дням отчётного периода модель не построить",
        "the days of the reporting period do not bear a model",
    ),
    "no_weather": ("нет погоды за целый год", "there is no weather of a whole year"),
    "unseen_weather": (
        "типичный год выходит за пределы виденной погоды больше чем на 10 % дней",
        "more than 10 % of the typical year's days lie outside the weather that was seen",
    ),
    "not_heat": ("градусо-сутки — только для тепла", "degree days are for heat only"),
    "no_degree_days": (
        "в одном из периодов нет дней отопления с расходом и погодой",
        "a period has no heated day with a use and a temperature",
    ),
    "no_factor": ("для этого ресурса коэффициента нет", "this carrier has no factor"),
    "monthly": ("известны только месячные акты", "only monthly acts are known"),
    "no_tariff": ("в договоре нет тарифа", "the contract names no tariff"),
    "no_investment": ("в договоре нет вложений", "the contract names no investment"),
}
"""Why something is not there."""

DOUBTS: Final[dict[str, tuple[str, str]]] = {
    "short_period": (
        "базовый период {got:.0f} дн., нужно не меньше {limit:.0f}",
        "the baseline period has {got:.0f} days, at least {limit:.0f} are needed",
    ),
    "few_days": (
        "в базовом периоде {pct:.0f} % дней, нужно {limit_pct:.0f} %",
        "the baseline period has {pct:.0f} % of its days, {limit_pct:.0f} % are needed",
    ),
    "few_independent_days": (
        "независимых точек {got:.1f}, нужно больше {limit:.0f}",
        "{got:.1f} independent points, more than {limit:.0f} are needed",
    ),
    "unseen_weather": (
        "{pct:.1f} % ожидаемого расхода — при погоде, которой в базовом периоде не было (предел {limit_pct:.0f} %)",
        "{pct:.1f} % of expected use in weather that the baseline has not seen (limit {limit_pct:.0f} %)",
    ),
    "many_estimates": (
        "{pct:.1f} % расхода — по интерполяции (предел {limit_pct:.0f} %)",
        "{pct:.1f} % of use rests on interpolation (limit {limit_pct:.0f} %)",
    ),
    "weak_model": (
        "CV(RMSE) {pct:.0f} %, предел {limit_pct:.0f} %",
        "CV(RMSE) is {pct:.0f} %, the limit {limit_pct:.0f} %",
    ),
}

_DISQUALIFIES: Final = ("; к расчёту не годится", "; must not be settled on")


def lines(view: ContractView, site: Site, lang: Lang) -> list[tuple[str, str]]:
    """The view, a line a subject."""
    return [(pick(LABELS[name], lang), text) for name, text in _lines(view, site, lang)]


def _lines(view: ContractView, site: Site, lang: Lang) -> Iterator[tuple[str, str]]:
    contract, total, currency = view.contract, view.total, site.site.currency
    yield "house", f"{view.building_name}, {measure(contract.measure, lang) or contract.meter}"
    yield "verdict", pick(VERDICTS[view.verdict], lang)
    if total is None:
        yield "avoided", _absent(view, "total", lang)
    else:
        yield (
            "period",
            _span(view.first, view.last, lang)
            + pick(
                (
                    f": {view.days} дн. с цифрой, без неё {view.missing}",
                    f": {view.days} days with a figure, {view.missing} without",
                ),
                lang,
            ),
        )
        yield "used", f"{_amount(total.expected, view, lang)} / {_amount(total.used, view, lang)}"
        yield "avoided", _saving(total, view, lang)
        share = percent(100 * view.estimated / total.used if total.used else 0.0, lang)
        yield "grade", pick((f"{total.grade}; по оценкам {share}", f"{total.grade}; {share} estimated"), lang)
        if view.unadjusted is not None and view.unadjusted.expected != total.expected:
            yield "unadjusted", _saving(view.unadjusted, view, lang)
        yield "typical", _typical(view, lang)
        yield "money", _money(view, currency, lang)
        yield "emission", _emission(view, lang)
        yield "payback", _payback(view, currency, lang)
        yield "formula", _formula(view, lang)
    if view.hot_water is not None:
        water = view.hot_water
        source = pick(
            ("по счётчику", "metered")
            if water.source == "volume"
            else ("по дням без отопления", water.source),
            lang,
        )
        text = f"{_amount(water.hot_water, view, lang)} ± {_number(water.half_width, view, lang)}"
        yield "hot_water", f"{text} ({source})"
    if view.baseline is not None:
        base = view.baseline
        scatter = f"CV(RMSE) {percent(100 * base.metrics.cvrmse, lang)}"
        if base.resolution == "month":
            scatter += pick((f", по {base.n} месячным актам", f", of {base.n} monthly acts"), lang)
        helped = pick(
            (f"; мало истории, помогает {base.prior}", f"; little history, helped by {base.prior}"), lang
        )
        fit = f"{base.model}, {_span(base.first, base.last, lang)}, {scatter}, {base.id}"
        yield "baseline", fit + (helped if base.prior else "")
        yield "drift", f"{percent(100 * base.between_years.sd, lang, 2)}: {base.between_years.source}"
    if view.outages:
        spans = ", ".join(_span(*each, lang) for each in spans_of(view.outages))
        yield "outages", pick((f"{len(view.outages)}: {spans}", f"{len(view.outages)}: {spans}"), lang)
    for doubt in view.doubts:
        yield "doubt", doubt_text(doubt, lang)
    for change in view.changes:
        yield "change", change_text(change, view, lang)
    for event in view.events:
        yield "event", event_text(event, view, lang)


def doubt_text(doubt: Doubt, lang: Lang) -> str:
    """A doubt in a sentence."""
    text = pick(DOUBTS[doubt.kind], lang).format(
        got=doubt.got, limit=doubt.limit, pct=100 * doubt.got, limit_pct=100 * doubt.limit
    )
    return (text.replace(".", ",") if lang == "ru" else text) + (
        pick(_DISQUALIFIES, lang) if doubt.disqualifies else ""
    )


def change_text(change: Change, view: ContractView, lang: Lang) -> str:
    """A proposed change in a sentence: date, direction, size."""
    size = f"{percent(100 * abs(change.share), lang)} ± {percent(100 * change.half_width, lang)}"
    per_day = _amount(abs(change.per_day), view, lang, 2)
    more = change.kind == "more_use"
    return pick(
        (
            f"с {date(change.began, lang)} расход {'больше' if more else 'меньше'} на {size} "
            f"({per_day} в день), замечено {date(change.noticed, lang)}",
            f"from {date(change.began, lang)} use is {'up' if more else 'down'} by {size} "
            f"({per_day} a day), noticed {date(change.noticed, lang)}",
        ),
        lang,
    )


def event_text(event: DeclaredEvent, view: ContractView, lang: Lang) -> str:
    """A declared event in a sentence: dates, reason, author, approval, amount."""
    adjustment = event.adjustment
    when = _span(adjustment.first, adjustment.last, lang)
    added = _amount(event.added, view, lang, 2)
    if adjustment.approved_by:
        tail = pick(
            (
                f"утвердил(а) {adjustment.approved_by}; к ожидаемому {added}",
                f"approved by {adjustment.approved_by}; {added} to expected use",
            ),
            lang,
        )
    else:
        tail = pick(("не утверждено и не учтено", "not approved and not counted"), lang)
    author = pick(("автор", "author"), lang)
    return f"{when}: {adjustment.reason}; {author} {adjustment.author}; {tail}"


def spans_of(dates: Sequence[int]) -> list[tuple[int, int]]:
    """Dates, ascending, as spans (first, last) of days that follow each other."""
    numbered = groupby(enumerate(dates), key=lambda each: each[1] - each[0])
    return [(run[0][1], run[-1][1]) for run in (list(group) for _, group in numbered)]


def _absent(view: ContractView, name: str, lang: Lang) -> str:
    return f"— ({pick(REASONS[view.absent[name]], lang)})"


def _span(first: int, last: int | None, lang: Lang) -> str:
    if first == last:
        return date(first, lang)
    return f"{date(first, lang)}…{date(last, lang) if last is not None and last < _NEVER else ''}"


_NEVER: Final = dt.date.max.toordinal()


def _number(amount: float, view: ContractView, lang: Lang, digits: int | None = None) -> str:
    places = decimals_of(view.unit) if digits is None else digits
    return number(float(amount) / float(view.scale), lang, places)


def _amount(amount: float, view: ContractView, lang: Lang, digits: int | None = None) -> str:
    return f"{_number(amount, view, lang, digits)}\u202f{unit(view.unit, lang)}"


def _saving(total: Saving, view: ContractView, lang: Lang) -> str:
    low, high = total.interval
    text = f"{_number(total.avoided, view, lang)} ± {_amount(total.width.total, view, lang)}; "
    text += f"{percent(100 * total.share, lang)} ({percent_range(100 * low, 100 * high, lang)})"
    if low <= 0:
        text += f"; {pick(VERDICTS['not_proved'], lang)}"
    return text


def _typical(view: ContractView, lang: Lang) -> str:
    if view.typical is None:
        return _absent(view, "typical", lang)
    result = view.typical.result
    text = f"{_number(result.avoided, view, lang)} ± {_amount(result.half_width, view, lang)}"
    if result.before > 0:
        text += f"; {percent(100 * result.avoided / result.before, lang)}"
    if result.avoided <= result.half_width:
        text += f"; {pick(VERDICTS['not_proved'], lang)}"
    weather = {
        "normals": ("погода: климатические нормы", "weather: climate normals"),
        "baseline_year": ("погода базового года", "weather of the baseline year"),
    }[view.typical.weather]
    return f"{text} ({pick(weather, lang)}{', ' if view.typical.source else ''}{view.typical.source})"


def _money(view: ContractView, currency: str, lang: Lang) -> str:
    if view.money is None:
        return _absent(view, "money", lang)
    worth = view.money
    text = f"{number(float(worth.money), lang)} ± {money(round(100 * worth.half_width), currency, lang)}"
    sources = ", ".join(view.price_sources)
    return (
        f"{text} ({pick(('тариф', 'tariff'), lang)} {view.contract.tariff}{': ' if sources else ''}{sources})"
    )


def _emission(view: ContractView, lang: Lang) -> str:
    if view.emission is None or view.emission_half_width is None:
        return _absent(view, "emission", lang)
    emission = view.emission
    tonnes = [
        float(each) / 1000 for each in (emission.kg, view.emission_half_width, emission.low, emission.high)
    ]
    value, half, low, high = (number(each, lang, 1) for each in tonnes)
    ton = pick(("т", "t"), lang)
    factors = pick(("коэффициенты", "factors"), lang)
    return f"{value} ± {half}\u202f{ton}; {factors} {low}…{high}\u202f{ton} ({'; '.join(emission.sources)})"


def _payback(view: ContractView, currency: str, lang: Lang) -> str:
    if view.payback is None:
        return _absent(view, "payback", lang)
    payback = view.payback
    invested = money(round(100 * payback.investment), currency, lang)

    def years(value: Decimal | None) -> str:
        return pick(("никогда", "never"), lang) if value is None else number(float(value), lang, 1)

    unit = pick(("г.", "years"), lang)
    text = f"{years(payback.years)} {unit} ({years(payback.soonest)}…{years(payback.latest)}) · {invested}"
    return text if payback.latest is not None else f"{text}; {pick(VERDICTS['not_proved'], lang)}"


def _formula(view: ContractView, lang: Lang) -> str:
    if view.formula is None:
        return _absent(view, "formula", lang)
    formula, saving = view.formula, view.formula.saving
    side = number(formula.beside, lang, 2)
    where = pick(
        (
            "внутри интервала" if formula.inside else "вне интервала",
            "inside the interval" if formula.inside else "outside the interval",
        ),
        lang,
    )
    place = pick(
        (
            f"{where} регрессии, {side} его полуширины от середины",
            f"{where} of the regression, {side} of its half-width from the middle",
        ),
        lang,
    )
    split = pick(
        ("ГВС по договору", "hot water by contract")
        if saving.split == "contract"
        else ("ГВС по дням без отопления", "hot water by days without heat"),
        lang,
    )
    return f"{_amount(saving.avoided, view, lang)}, {percent(100 * saving.share, lang)}: {place} ({split})"
