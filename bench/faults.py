"""The fault suite: Kvartal's ledger beside the public rules of other systems, re-stated.

    python bench/faults.py            prints the table
    python bench/faults.py --write    writes it into docs/faults.md
    python bench/faults.py --meters   prints the failing cases of all faults on all meters, and counts

The rules of the others are short re-statements of their public sources; the products are not run:
MyEMS myems-cleaning/clean_energy_value.py and myems-normalization/meter.py (hourly slots, over the limit
dropped, silent is zero); emonCMS process_processlist.php wh_accumulator (60 kW cap, here 2 MW); BEMServer
process/energy_power.py (differences, a drop is zero); Home Assistant sensor recorder (a fall below 90 % is a
reset); ThingsBoard's delta node (a negative delta fails).
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from kvartal.replay import replay
from metering.site.model import parse_site
from metering.times import HOUR_MS, to_ms
from simulators.faults.cases import BEGIN, HOURS, Case
from simulators.faults.known import KNOWN
from simulators.faults.messages import SITE, messages
from simulators.faults.table import DOCUMENTED, cases, documented, spoiled
from simulators.faults.verdicts import Ledger, Verdict, broken_laws, entered, judge, ledger
from storage.sqlite_reader import Reader

_FIRST = BEGIN // HOUR_MS
_LIMIT_KW = 2_000.0
Arrived = list[tuple[float, float]]
"""(hours after BEGIN, value [kWh]) in order of arrival."""


def arrived(case: Case) -> Arrived:
    """The case's values as a system without payload checks accepts them."""
    values: Arrived = []
    for message in messages(case):
        body = json.loads(message.payload)
        factor = 1163.0 if body["unit"] == "Gcal" else 1.0
        for stamp, value in body["readings"]:
            if isinstance(value, (int, float)):
                ms = to_ms(dt.datetime.fromisoformat(stamp))
                values.append(((ms - BEGIN) / HOUR_MS, value * factor))
    return values


def _spread(steps: list[tuple[float, float, float]]) -> dict[int, float]:
    """Use [kWh] by hour: the rules book a step (from, to, kWh) in the hour of its end."""
    hours: dict[int, float] = {}
    for _start, end, kwh in steps:
        hour = int(end - 1e-9)
        hours[hour] = hours.get(hour, 0.0) + kwh
    return hours


def myems(values: Arrived) -> dict[int, float]:
    """By time among the arrived values; steps over the limit are dropped, silent hours are zero, closed hours stay."""
    hours: dict[int, float] = {}
    last: tuple[float, float] | None = None
    for at, value in values:
        if last is not None and at <= last[0]:
            continue
        if last is not None:
            delta = value - last[1]
            if 0 <= delta <= _LIMIT_KW:
                hours[int(at - 1e-9)] = hours.get(int(at - 1e-9), 0.0) + delta
        last = (at, value)
    return hours


def emoncms(values: Arrived) -> dict[int, float]:
    """In order of arrival; a step over the cap or below zero is dropped."""
    steps: list[tuple[float, float, float]] = []
    for (t0, v0), (t1, v1) in pairwise(values):
        hours = max(abs(t1 - t0), 1e-6)
        if v1 >= v0 and (v1 - v0) / hours < _LIMIT_KW:
            steps.append((t0, t1, v1 - v0))
    return _spread(steps)


def bemserver(values: Arrived) -> dict[int, float]:
    """Sorted by time; a drop of the index is zero."""
    ordered = sorted(dict(values).items())
    return _spread([(a, b, max(0.0, w - v)) for (a, v), (b, w) in pairwise(ordered)])


def home_assistant(values: Arrived) -> dict[int, float]:
    """In order of arrival; a value below 90 % of the last one is a reset to zero."""
    steps: list[tuple[float, float, float]] = []
    for (t0, v0), (t1, v1) in pairwise(values):
        steps.append((t0, t1, v1 if v1 < 0.9 * v0 else v1 - v0))
    return _spread(steps)


def thingsboard(values: Arrived) -> dict[int, float]:
    """In order of arrival; a negative delta goes to the failure chain."""
    return _spread([(a, b, w - v) for (a, v), (b, w) in pairwise(values) if w >= v])


RULES: dict[str, Callable[[Arrived], dict[int, float]]] = {
    "MyEMS": myems,
    "emonCMS": emoncms,
    "BEMServer": bemserver,
    "Home Assistant": home_assistant,
    "ThingsBoard": thingsboard,
}


def kvartal(case: Case) -> Verdict:
    """The verdict on the real pipeline's ledger."""
    with tempfile.TemporaryDirectory() as directory:
        db = Path(directory) / "k.db"
        replay(messages(case), site=parse_site(SITE), db=db)
        reader = Reader(db)
        who = ("house", "heat", "energy")
        kinds = frozenset(finding["kind"] for finding in reader.findings())
        book = Ledger(reader.hours(*who, 0, 10**6), reader.unknowns(*who), kinds)
        reader.close()
    return judge(case, book)


def by_rule(case: Case, rule: Callable[[Arrived], dict[int, float]]) -> Verdict:
    """The verdict on a rule's hours; the rules set no flags."""
    hours = rule(arrived(case))
    rows = [(hour + _FIRST, round(kwh * 1000), 0) for hour, kwh in sorted(hours.items()) if 0 <= hour < HOURS]
    outside = sum(kwh for hour, kwh in hours.items() if not 0 <= hour < HOURS)
    if outside:
        rows.append((_FIRST - 1, round(outside * 1000), 0))
    return judge(case, Ledger(rows, []))


def cell(verdict: Verdict) -> str:
    """`total error / wrong hours`, with ✗ if the rule of the suite fails."""

    def share(value: float) -> str:
        return f"{100 * value:.1f} %" if value < 10 else "> 1000 %"

    return f"{share(verdict.total_error)} / {share(verdict.wrong_hours)}{'' if verdict.passes else ' ✗'}"


def table() -> str:
    """The table as Markdown."""
    head = ["fault", "**Kvartal**", "hours flagged", *RULES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for label in DOCUMENTED:
        case = documented(label)
        own = kvartal(case)
        cells = [cell(by_rule(case, rule)) for rule in RULES.values()]
        lines.append(f"| {label} | {cell(own)} | {own.flagged} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def all_meters() -> int:
    """Print the failing cases of all meters and counts; returns the number of unexpected results."""
    began, ran, failed, unexpected = time.process_time(), 0, 0, 0
    for fault, meter in cases():
        case = spoiled(fault, meter)
        parts = entered(case)
        laws = broken_laws(parts)
        verdict = judge(case, ledger(parts))
        known = (fault, meter.name) in KNOWN
        ran += 1
        failed += not verdict.passes
        unexpected += bool(laws) or verdict.passes == known
        if laws or not verdict.passes or known:
            state = "; ".join(map(str, laws)) or (
                "passes" if verdict.passes else "known" if known else "FAILS"
            )
            hours = (
                f"{verdict.flagged} flagged of {verdict.touched}, {verdict.unflagged_wrong} wrong unflagged"
            )
            print(f"{meter.name:20} {fault:36} {cell(verdict):24} {hours:40} {state}")
    seconds = time.process_time() - began
    print(f"{ran} cases, {failed} fail, {unexpected} unexpectedly, {seconds:.1f} CPU s")
    return unexpected


if __name__ == "__main__":
    if "--meters" in sys.argv:
        sys.exit(all_meters() > 0)
    made = table()
    print(made)
    if "--write" in sys.argv:
        path = Path(__file__).parent.parent / "docs" / "faults.md"
        text = path.read_text(encoding="utf-8")
        before, _, rest = text.partition("<!-- table -->\n")
        _, _, after = rest.partition("<!-- end -->")
        path.write_text(f"{before}<!-- table -->\n{made}\n<!-- end -->{after}", encoding="utf-8")
