"""What the ledger makes of each row of `simulators.faults.proofs`: total against truth, findings, and what is wrong.

python bench/proofs.py                  prints the rows that fail, and counts
python bench/proofs.py --all GROUP...   prints all rows of these groups (all groups if none is named)
"""

from __future__ import annotations

import argparse
import time

from simulators.faults.proofs.judge import Made, entered, judge, outcome
from simulators.faults.proofs.table import ROWS


def line(name: str, made: Made) -> tuple[str, bool]:
    """A row of the table, and whether it fails."""
    row = made()
    found = outcome(row, entered(row))
    wrong = judge(row, found)
    findings = ", ".join(f"{kind} {count}" for kind, count in found.findings.most_common())
    cells = (
        "FAILS" if wrong else "",
        name,
        f"{row.truth / 1000:.0f}",
        f"{found.total / 1000:.0f}",
        findings,
        found.pending,
        "; ".join(wrong),
    )
    return f"| {' | '.join(map(str, cells))} |", bool(wrong)


def main(groups: list[str], everything: bool) -> int:
    """Print the rows; returns the number of those that fail."""
    print("| | row | truth | ledger [kWh, m3] | findings | pending | wrong |")
    print("|---|---|---|---|---|---|---|")
    counts: list[str] = []
    failed = 0
    for group in groups or ROWS:
        began, fails = time.process_time(), 0
        for name, made in ROWS[group].items():
            text, fail = line(f"{group}: {name}", made)
            fails += fail
            if everything or fail:
                print(text, flush=True)
        counts.append(
            f"{group}: {fails} of {len(ROWS[group])} fail ({time.process_time() - began:.0f} CPU s)"
        )
        failed += fails
    print("\n".join(counts))
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    raise SystemExit(main(given.groups, given.all) > 0)
