"""Notes on a day of a register: its flags, the parts that are not known by hour, and later changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.page.amounts import ABSENT, Shown, degrees
from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import moment
from dashboards.words.sentences import DAY_PARTS
from dashboards.words.terms import NOT_KNOWN, RESTATED, cause, flag_text, term
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
    """The old and the new figure of a day, the cause, and when the change was learned."""
    what = restatement["what"]
    figure = "" if what == "use" else f"{term(RESTATED, what, lang)}: "
    return figure + pick(DAY_PARTS["restated"], lang).format(
        old=restated_figure(restatement, "old", how, lang),
        new=restated_figure(restatement, "new", how, lang),
        cause=because(restatement, site, lang),
        when=moment(restatement["learned_at"], site.zone, lang),
    )


def because(restatement: dict[str, Any], site: Site, lang: Lang) -> str:
    """Why a figure was restated, with the readings or facts that caused it."""
    text = cause(restatement["cause"], lang)
    since, until = restatement["since"], restatement["until"]
    if since is None:
        return text
    first, last = moment(since, site.zone, lang), moment(until, site.zone, lang)
    return f"{text}: {first}" if since == until else f"{text}: {first} – {last}"


def restated_figure(restatement: dict[str, Any], side: str, how: Shown | None, lang: Lang) -> str:
    """The old or new figure of a restatement as people read it: an amount, notes, or a temperature."""
    value = restatement[side]
    if value is not None and restatement["what"] == "flags":
        return flag_text(flags.names(value), lang)
    if value is not None and restatement["what"] == "temperature":
        return f"{degrees(value, lang)} °C"
    return restated_amount(value, how, lang)


def restated_amount(amount: int | None, how: Shown | None, lang: Lang) -> str:
    """An old or new amount [base units] with its unit; None is not known. A dash if no unit is known for it."""
    if amount is None:
        return pick(NOT_KNOWN, lang)
    return ABSENT if how is None else how.text(amount, lang)
