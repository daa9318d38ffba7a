"""Notes on a day of a register: its flags, the parts that are not known by hour, and later changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.page.amounts import ABSENT, Shown
from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import moment
from dashboards.words.sentences import DAY_PARTS
from dashboards.words.terms import NOT_KNOWN, cause, flag_text
from metering import flags
from metering.events import Day
from metering.site.model import Site


def day_notes(day: Day, how: Shown, lang: Lang) -> Sequence[str]:
    """The flags of a day, and its amounts that are known only in total, only by hour, or estimated."""
    notes = [] if day.flags == 0 and day.used is None else [flag_text(flags.names(day.flags), lang)]
    parts = (
        ("unknown", day.unknown, day.unknown != 0),
        ("known", day.known, day.used is None),
        ("estimated", day.estimated, day.estimated != 0),
    )
    return notes + [
        pick(DAY_PARTS[name], lang).format(amount=how.text(amount, lang))
        for name, amount, applies in parts
        if applies
    ]


def restated_note(restatement: dict[str, Any], how: Shown, site: Site, lang: Lang) -> str:
    """The old and the new use of a day, the cause, and when the change was learned."""
    return pick(DAY_PARTS["restated"], lang).format(
        old=restated_amount(restatement["old"], how, lang),
        new=restated_amount(restatement["new"], how, lang),
        cause=cause(restatement["cause"], lang),
        when=moment(restatement["learned_at"], site.zone, lang),
    )


def restated_amount(amount: int | None, how: Shown | None, lang: Lang) -> str:
    """An old or new amount [base units] with its unit; None is not known. A dash if no unit is known for it."""
    if amount is None:
        return pick(NOT_KNOWN, lang)
    return ABSENT if how is None else how.text(amount, lang)
