"""Files of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
EXAMPLE = ROOT / "examples" / "site.toml"
