"""Kvartal, the textbook and opendsm on the same simulated houses with known savings.

    python bench/exam.py            prints the table (about two CPU minutes, twice that with opendsm)
    python bench/exam.py --write    writes it into docs/exam.md, and its short form into README.md

opendsm is an extra: `pip install 'kvartal[opendsm]'`. Without it the table leaves its rows out and says so.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from simulators.exam.table import long_form, short_form, take_all

HOUSES, SEED = 1000, 601
ROOT = Path(__file__).parent.parent


def write(path: Path, table: str) -> None:
    """Put the table between the marks of the document."""
    begin, end = "<!-- exam -->\n", "<!-- end of exam -->"
    before, opened, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise SystemExit(f"{path}: the marks {begin.strip()} and {end} are missing")
    path.write_text(f"{before}{begin}{table.rstrip()}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Print the table, or write it."""
    begun = time.process_time()
    taken = take_all(HOUSES, SEED)
    print(long_form(taken))
    print(f"{time.process_time() - begun:.0f} CPU s")
    if "--write" in sys.argv:
        write(ROOT / "docs" / "exam.md", long_form(taken))
        write(ROOT / "README.md", short_form(taken))


if __name__ == "__main__":
    main()
