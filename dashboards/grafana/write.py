"""Grafana's dashboards as code: classic JSON, InfluxQL only, names from `storage.schema`.

`python -m dashboards.grafana.write` writes provisioned/*.json; a test compares the files with this code and
runs every query against a real InfluxDB.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from dashboards.grafana.house import house
from dashboards.grafana.portfolio import portfolio

_FOLDER: Final = Path(__file__).parent / "provisioned"

FILES: Final = {"portfolio.json": portfolio, "house.json": house}


def as_text(dashboard: dict[str, Any]) -> str:
    """The text of a dashboard's file."""
    return json.dumps(dashboard, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write(folder: Path = _FOLDER) -> None:
    """Write every dashboard's file."""
    for name, make in FILES.items():
        (folder / name).write_text(as_text(make()), encoding="utf-8")


if __name__ == "__main__":
    write()
