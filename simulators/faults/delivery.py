"""What goes wrong between a sound meter and the ledger: order, delay, copies, stamps that no reading can have.

These faults exist only in messages, so they are entered through the pipeline and never straight into a ledger.
"""

from __future__ import annotations

import random
from typing import Final

from metering.times import HOUR_MS
from simulators.faults.cases import BEGIN, Case, Fault


def _late(case: Case) -> None:
    i = case.at(21)
    last = case.t[i + 47]
    for k in range(i, i + 48):
        case.sent[k] = case.sent[k]._replace(arrives=last + 24 * HOUR_MS + HOUR_MS // 2)


def _shuffled(case: Case) -> None:
    rng = random.Random(4)
    groups = [case.sent[i : i + 4] for i in range(0, len(case.sent), 4)]
    case.sent = []
    for group in groups:
        arrives = max(s.t for s in group)
        rng.shuffle(group)
        case.sent += [s._replace(arrives=arrives) for s in group]


def _duplicates(case: Case) -> None:
    rng = random.Random(5)
    case.sent += [s._replace(arrives=s.t + HOUR_MS) for s in rng.sample(case.sent, 300)]


def _epoch(case: Case) -> None:
    i = case.at(25)
    for k in range(i, i + 24):
        case.sent[k] = case.sent[k]._replace(t=case.t[k] - case.t[i], arrives=case.t[k])
    case.around(i, i + 23)


def _future(case: Case) -> None:
    i = case.at(33)
    case.sent.append(case.sent[i]._replace(t=BEGIN + 5_000 * HOUR_MS, arrives=case.t[i]))


def _retained(case: Case) -> None:
    old = case.sent[100]
    case.sent += [
        old._replace(arrives=case.t[k] + HOUR_MS // 2, retained=True) for k in range(300, len(case.t), 400)
    ]


def _null(case: Case) -> None:
    for i, instead in ((400, "null"), (800, '"NaN"')):
        case.sent[i] = case.sent[i]._replace(instead=instead)
        case.around(i)


def _outage(case: Case) -> None:
    i = case.at(14)
    end = case.t[i + 960]
    for k in range(i + 1, i + 961):
        case.sent[k] = case.sent[k]._replace(arrives=end)
    case.batch = 240


DELIVERY: Final[dict[str, Fault]] = {
    "48 h late": _late,
    "shuffled": _shuffled,
    "duplicates": _duplicates,
    "1970": _epoch,
    "future": _future,
    "retained": _retained,
    "null and NaN": _null,
    "40 d backfill": _outage,
}
