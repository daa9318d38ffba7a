"""docs/payloads.md cannot lie: its table is the code's, its examples are decoded."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest

from ingest.decode import Decoder, as_line
from ingest.formats import BUILT_IN
from ingest.reasons import REASONS
from metering.events import Rejected
from metering.site.model import parse_site
from metering.times import to_ms
from tests.places import ROOT

PAGE = (ROOT / "docs" / "payloads.md").read_text(encoding="utf-8")
NOW = to_ms(dt.datetime.fromisoformat("2026-01-01T02:00:00+03:00"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_reasons_is_the_codes() -> None:
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)) == REASONS


@pytest.mark.parametrize("payload", blocks("json"))
def test_every_example_is_read(payload: str) -> None:
    topic = "kvartal/v1/weather/spb" if "°C" in payload or "_c" in payload else "kvartal/v1/b01/heat/readings"
    results = Decoder().decode(topic, payload.encode(), received_at=NOW)
    assert len(results) == 1
    assert not isinstance(results[0], Rejected)


def test_the_session_prints_what_it_shows() -> None:
    (session,) = blocks("console")
    payload = re.search(r"echo '(.*?)'", session)
    topic = re.search(r"--topic (\S+)", session)
    shown = [json.loads(line) for line in session.splitlines() if line.startswith("{")]
    assert payload is not None
    assert topic is not None
    results = Decoder().carried(topic[1], payload[1].encode() + b"\n", received_at=NOW)
    assert [as_line(result) for result in results] == shown


def test_the_sources_shown_are_the_built_in_ones() -> None:
    (toml,) = blocks("toml")
    assert parse_site(f'[site]\nid = "q"\n{toml}').source == BUILT_IN


def test_the_numbers_are_one_instant() -> None:
    decoder = Decoder()
    times = set()
    for number in re.findall(r"`(\d{10,})`", PAGE):
        payload = f'{{"time": {number}, "value": 1, "unit": "kWh"}}'.encode()
        (result,) = decoder.decode("kvartal/v1/b01/heat/readings", payload, received_at=NOW)
        assert not isinstance(result, Rejected)
        times.add(result.times)
    assert times == {(to_ms(dt.datetime.fromisoformat("2026-01-01T00:00:00+03:00")),)}
