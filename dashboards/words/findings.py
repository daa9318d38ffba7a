"""What a finding says of itself, in Russian: the pipeline's details are English sentences with figures in them."""

from __future__ import annotations

import re
from typing import Final

from dashboards.words.wording import UNITS, Lang

_SENTENCES: Final[tuple[tuple[str, str], ...]] = (
    (r"days without use: (\d+)", "дней без расхода: {0}"),
    (
        r"days without use: (\d+); the meter's own flow says otherwise",
        "дней без расхода: {0}, хотя расходомер показывает проток",
    ),
    (
        r"on (\d+) days the sub-meters (.+) count (\d+) (\w+), the main meter (\d+) \w+",
        "за {0} дн. подсчётчики {1} насчитали {2} {3}, общий счётчик {4} {3}",
    ),
    (r"(\d+) values at one instant", "значений на один момент: {0}"),
    (
        r"declared final register (-?\d+), last reading (-?\d+)",
        "заявлено последнее показание {0}, пришло {1}",
    ),
    (r"an interval of (-?\d+)", "за интервал {0}"),
    (r"another use of the same time: (-?\d+)", "другой расход за то же время: {0}"),
    (r"(-?\d+) over a time that is counted in part", "{0} за время, которое частью уже посчитано"),
    (
        r"the register counted (-?\d+), the intervals hold (-?\d+)",
        "счётчик насчитал {0}, строки архива вместе {1}",
    ),
    (r"(\d+) stray value\(s\), first (-?\d+)", "случайных значений: {0}, первое {1}"),
    (
        r"register went from (-?\d+) to (-?\d+); believed after (\d+) readings",
        "показание перешло с {0} на {1}; принято после показаний: {2}",
    ),
    (r"(-?\d+) at once, a usual day counts (-?\d+)", "{0} сразу, обычно за сутки {1}"),
    (r"stood still, then caught up (-?\d+) at once", "стоял, потом наверстал {0} сразу"),
    (r"a day counts (-?\d+), usual were (-?\d+)", "за сутки {0}, обычно {1}"),
)
"""(what the pipeline says, how it reads in Russian); figures are in base units."""


def finding_detail(detail: str, lang: Lang) -> str:
    """The detail of a finding in the language; one that has no words here stays as it is."""
    if lang == "en":
        return detail
    for pattern, words in _SENTENCES:
        found = re.fullmatch(pattern, detail)
        if found is not None:
            return words.format(*(UNITS[each][0] if each in UNITS else each for each in found.groups()))
    return detail
