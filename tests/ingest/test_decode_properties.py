"""Law 3 (docs/laws.md) where it begins: whatever arrives, every reading in it ends as a reading or as a rejection."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import Decoder
from ingest.judge import Carried
from ingest.reasons import REASONS
from metering.events import Readings, Rejected, StationReadings
from metering.times import UTC, to_ms
from tests.sites import build_site, building, meter, station

SITE = build_site(
    station(),
    building(meter("heat", "heat", "GJ")),
)
NOW = to_ms(dt.datetime(2026, 2, 1, tzinfo=UTC))
DECODERS = (Decoder(SITE), Decoder())

topics = st.sampled_from(
    [
        "kvartal/v1/b01/heat/readings",
        "kvartal/v1/b02/heat/readings",
        "kvartal/v1/weather/spb",
        "kvartal/v1/weather/msk",
        "",
        "/",
    ]
) | st.text(max_size=40)

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)
times = (
    st.datetimes().map(dt.datetime.isoformat)
    | st.datetimes(timezones=st.just(UTC)).map(dt.datetime.isoformat)
    | st.integers(NOW - 10**10, NOW + 10**7)
    | numbers
    | st.text(max_size=25)
)
values = numbers | numbers.map(str) | st.decimals().map(str) | st.text(max_size=10)
scalars = st.none() | st.booleans() | times | values
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
units = st.none() | st.sampled_from(["Gcal", "kWh", "GJ", "m3", "°C", "parsec"]) | anything
pairs = st.lists(st.tuples(times, values), max_size=30) | st.lists(
    st.tuples(scalars, scalars) | anything, max_size=10
)


def carried_by(content: Any) -> int:
    """How many readings a payload carries, computed independently of the decoder."""
    several = content.get("readings")
    return max(1, len(several)) if isinstance(several, list) else 1


def account(results: list[Any]) -> int:
    for result in results:
        if isinstance(result, Rejected):
            assert result.reason in REASONS
            assert result.reason != "decoder_error", result.detail
            json.dumps(result.detail).encode()
        else:
            assert isinstance(result, (Readings, StationReadings))
            amounts = result.amounts if isinstance(result, Readings) else result.temps_mc
            assert len(result.times) == len(amounts) > 0
            assert all(type(t) is int and type(a) is int for t, a in zip(result.times, amounts, strict=True))
    return sum(r.readings if isinstance(r, Rejected) else len(r.times) for r in results)


@given(topics, st.binary(max_size=200), st.booleans(), st.sampled_from(DECODERS))
def test_any_bytes_on_any_topic_are_accounted_for(
    topic: str, payload: bytes, retain: bool, decoder: Decoder
) -> None:
    results = decoder.decode(topic, payload, received_at=NOW, retain=retain)
    assert account(results) >= 1


@settings(max_examples=400)
@given(
    topic=topics,
    content=st.fixed_dictionaries({"readings": pairs}, optional={"unit": units})
    | st.fixed_dictionaries(
        {}, optional={"time": scalars, "value": scalars, "temperature_c": scalars, "unit": units}
    ),
    retain=st.booleans(),
    decoder=st.sampled_from(DECODERS),
)
def test_readings_and_rejections_are_what_the_message_carried(
    topic: str, content: dict[str, Any], retain: bool, decoder: Decoder
) -> None:
    payload = json.dumps(content).encode()
    results = decoder.decode(topic, payload, received_at=NOW, retain=retain)
    known = not any(isinstance(r, Rejected) and r.reason in ("unknown_topic", "not_json") for r in results)
    assert account(results) == (carried_by(content) if known else 1)
    # The payload of a message is kept once, wherever anything of it was rejected.
    kept = [r.payload for r in results if isinstance(r, Rejected)]
    assert kept == [payload, *[b""] * (len(kept) - 1)][: len(kept)]
    # What `kvartal decode` prints is the same account.
    shown = decoder.carried(topic, payload, received_at=NOW, retain=retain)
    assert [r for r in shown if isinstance(r, Rejected)] == [r for r in results if isinstance(r, Rejected)]
    good = [r for r in results if isinstance(r, (Readings, StationReadings))]
    assert sum(isinstance(r, Carried) for r in shown) == sum(len(r.times) for r in good)
