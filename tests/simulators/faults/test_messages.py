"""The rows of docs/faults.md: messages of a heat meter through the whole pipeline."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kvartal.audit import audit_store
from kvartal.replay import replay
from metering.site.model import parse_site
from simulators.faults.cases import HOURS, Case, clean
from simulators.faults.messages import SITE, messages
from simulators.faults.meters import METERS
from simulators.faults.table import DOCUMENTED, FAULTS, REGISTER_FAULTS, documented
from simulators.faults.verdicts import Ledger, Verdict, judge
from storage.sqlite_reader import Reader

HOUSE = METERS[0]
WHO = ("house", "heat", "energy")


def read(db: Path) -> Ledger:
    reader = Reader(db)
    kinds = frozenset(finding["kind"] for finding in reader.findings())
    book = Ledger(reader.hours(*WHO, 0, 10**6), reader.unknowns(*WHO), kinds)
    reader.close()
    return book


def verdict(case: Case, db: Path) -> Verdict:
    replay(messages(case), site=parse_site(SITE), db=db)
    assert audit_store(db).faults == []
    return judge(case, read(db))


def test_clean_readings_are_exact(tmp_path: Path) -> None:
    own = verdict(clean(HOUSE), tmp_path / "k.db")
    assert own._replace(total_error=round(own.total_error, 9), wrong_hours=round(own.wrong_hours, 9)) == (
        Verdict(0.0, 0.0, 0, 0, 0)
    )


@pytest.mark.parametrize("label", DOCUMENTED)
def test_a_fault_neither_makes_nor_loses_energy(label: str, tmp_path: Path) -> None:
    own = verdict(documented(label), tmp_path / "k.db")
    assert own.passes, own


@pytest.mark.parametrize(
    "label", ["exchange, starting at 0", "24 h in MWh for kWh", "old and new meter both sending"]
)
def test_a_fault_ends_the_same_in_any_order(label: str, tmp_path: Path) -> None:
    site = parse_site(SITE)
    sent = [m._replace(received_at=10**13) for m in messages(documented(label))]
    ledgers = []
    for turn in range(2):
        db = tmp_path / f"{turn}.db"
        backfill = site.model_copy(update={"source": (site.source[0].model_copy(update={"backfill": True}),)})
        replay(sent, site=backfill, db=db)
        ledgers.append(read(db))
        random.Random(turn).shuffle(sent)
    assert ledgers[0] == ledgers[1]


def test_the_truth_is_the_suites() -> None:
    case = clean(HOUSE)
    assert len(case.t) == HOURS + 1
    assert float(case.v[-1] - case.v[0]) == pytest.approx(28_650, abs=0.02)


def test_what_only_messages_can_do_wrong_is_documented() -> None:
    assert set(FAULTS) - set(REGISTER_FAULTS) <= {fault for fault, _ in DOCUMENTED.values()}
