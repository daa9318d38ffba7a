"""Each kind of fault has a sentence that names the register."""

from __future__ import annotations

from typing import get_args

import pytest

from kvartal.audit import sentence
from metering.ledger.audit import Fault, FaultKind
from storage.sqlite_ledger import Register

REGISTER = Register("b01", "heat", "energy", 84, 0, None, None)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("no_blocks", {"accepted": 84}), "84 readings accepted, but the ledger has no blocks"),
        (Fault("readings", {"accepted": 84, "stored": 83}), "84 readings accepted, 83 kept or deleted"),
        (
            Fault("hours", {"number": 2, "hour": 480_050, "amount": 20_000}),
            "2 hours differ from what was booked, first (480050, 20000)",
        ),
        (Fault("unknown", {"shown": 0, "booked": 7}), "0 of unknown energy shown, 7 booked"),
        (Fault("total", {"counted": 8, "booked": 7}), "the register counted 8, the ledger booked 7"),
        (Fault("no_rules", {}), "the ledger does not name the rules that it was folded by"),
        (
            Fault("refolded", {"at": 1_728_000_000_000}),
            "the readings of 2024-10-04 give other figures when they are folded again",
        ),
        (
            Fault("block_total", {"at": 1_728_000_000_000, "counted": 8, "booked": 7}),
            "on 2024-10-04 the register counted 8, the ledger booked 7",
        ),
        (
            Fault("rulings", {"stated": 1, "folded": 0}),
            "rulings stated: 1; the ledger was folded by other rulings (0 in force)",
        ),
        (
            Fault("statement", {"difference": 10, "booked": 4, "unknown": 2, "named": 3, "left": 1}),
            "last minus first accepted reading is 10, of which 4 are booked, 2 unknown and 3 named as not counted: "
            "1 are left",
        ),
        (
            Fault("anchor", {"at": 1_728_000_000_000}),
            "the last kept reading, of 2024-10-04, is not among the accepted ones",
        ),
    ],
    ids=get_args(FaultKind),
)
def test_sentences(fault: Fault, words: str) -> None:
    assert sentence(REGISTER, fault) == f"b01/heat/energy: {words}"
