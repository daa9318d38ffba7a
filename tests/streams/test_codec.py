"""The bytes of the log are a contract: it is kept for ever, and workers of tomorrow read it."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.events import (
    Awaited,
    Declared,
    Exchange,
    Fitted,
    Readings,
    Rejected,
    Ruled,
    Ruling,
    StationReadings,
    Tick,
)  # fmt: skip
from metering.site.model import Site
from streams.codec import Logged, NotOurs, decode, decode_rejected, encode, stranger
from tests.sites import build_site, building, meter, source

INTEGERS = st.integers(-(2**53), 2**53)
TEXTS = st.text(max_size=8)


def readings(
    pairs: list[tuple[int, int]], building: str, meter: str, received_at: int, copy: bool
) -> Readings:
    return Readings(
        building=building, meter=meter, quantity="energy", nature="register",
        times=tuple(t for t, _ in pairs), amounts=tuple(v for _, v in pairs), received_at=received_at, copy=copy,
    )  # fmt: skip


def intervals(pairs: list[tuple[int, int]], received_at: int, issued: int, source: str) -> Readings:
    return Readings(
        building="b01", meter="heat", quantity="energy", nature="interval", times=tuple(t for t, _ in pairs),
        amounts=tuple(v for _, v in pairs), starts=tuple(t - 1 for t, _ in pairs), received_at=received_at,
        issued=issued, source=source,
    )  # fmt: skip


LOGGED = st.one_of(
    st.builds(intervals, st.lists(st.tuples(INTEGERS, INTEGERS), max_size=5), INTEGERS, INTEGERS, TEXTS),
    st.builds(
        readings, st.lists(st.tuples(INTEGERS, INTEGERS), max_size=30), TEXTS, TEXTS, INTEGERS, st.booleans()
    ),
    st.builds(
        lambda pairs, *rest: StationReadings(
            station=rest[0],
            times=tuple(t for t, _ in pairs),
            temps_mc=tuple(v for _, v in pairs),
            received_at=rest[1],
        ),
        st.lists(st.tuples(INTEGERS, INTEGERS), max_size=5),
        TEXTS,
        INTEGERS,
    ),
    st.builds(Tick, building=TEXTS, received_at=INTEGERS),
    st.builds(
        Fitted,
        building=TEXTS,
        contract=TEXTS,
        baseline_id=TEXTS,
        document=st.binary(max_size=40),
        received_at=INTEGERS,
    ),
)


@given(event=LOGGED)
def test_an_event_comes_back_as_it_went(event: Logged) -> None:
    assert decode(encode(event)) == event


# Bytes of version 0.1, and of today. A change that makes one of these fail makes every log unreadable.
OLD = [
    (
        Readings(
            building="b01",
            meter="heat",
            quantity="energy",
            nature="register",
            times=(3_600_000, 7_200_000),
            amounts=(1_163_000, 70_000),
            received_at=7_260_000,
        ),
        "99a852656164696e6773a3623031a468656174a6656e65726779a8726567697374657292ce0036ee80ce006ddd0092ce0011bef8"
        "ce00011170ce006ec760c2",
    ),
    # A station's readings as the first version wrote them for no building, and for one.
    (
        StationReadings(station="spb", times=(3_600_000,), temps_mc=(-5_000,), received_at=5),
        "9aa852656164696e6773a0a3737062b36f7574646f6f725f74656d7065726174757265a5676175676591ce0036ee8091d1ec7805c290",
    ),
    (
        Readings(
            building="b01",
            meter="spb",
            quantity="outdoor_temperature",
            nature="gauge",
            times=(3_600_000,),
            amounts=(-5_000,),
            received_at=5,
        ),
        "9aa852656164696e6773a3623031a3737062b36f7574646f6f725f74656d7065726174757265a5676175676591ce0036ee8091d1ec7805"
        "c290",
    ),
    (
        Fitted(building="b01", contract="c1", baseline_id="ab12", document=b"{}", received_at=5),
        "96a6466974746564a3623031a26331a461623132c4027b7d05",
    ),
    # Readings before intervals said when they were issued and by whom.
    (
        Readings(
            building="b01",
            meter="heat",
            quantity="energy",
            nature="register",
            times=(3_600_000, 7_200_000),
            amounts=(1_163_000, 70_000),
            received_at=7_260_000,
        ),
        "9aa852656164696e6773a3623031a468656174a6656e65726779a8726567697374657292ce0036ee80ce006ddd0092ce0011bef8"
        "ce00011170ce006ec760c290",
    ),
]
GOLDEN = [
    (
        Readings(
            building="b01",
            meter="heat",
            quantity="energy",
            nature="register",
            times=(3_600_000, 7_200_000),
            amounts=(1_163_000, 70_000),
            received_at=7_260_000,
        ),
        "9ca852656164696e6773a3623031a468656174a6656e65726779a8726567697374657292ce0036ee80ce006ddd0092ce0011bef8"
        "ce00011170ce006ec760c29000a0",
    ),
    (
        Readings(
            building="b01",
            meter="heat",
            quantity="energy",
            nature="interval",
            times=(3_600_000,),
            amounts=(1_163_000,),
            received_at=7_260_000,
            starts=(0,),
            issued=7_200_000,
            source="vkt7",
        ),
        "9ca852656164696e6773a3623031a468656174a6656e65726779a8696e74657276616c91ce0036ee8091ce0011bef8ce006ec760c29100ce006ddd00a4766b7437",
    ),
    (
        Declared(
            building="b01",
            meter="heat",
            quantity="energy",
            exchanges=(Exchange(at=3_600_000, final=10, initial=0),),
            by_site=False,
            received_at=5,
        ),
        "97a84465636c61726564a3623031a468656174a6656e657267799195a178ce0036ee800a00c2c205",
    ),
    (
        StationReadings(station="spb", times=(3_600_000,), temps_mc=(-5_000,), received_at=5),
        "95af53746174696f6e52656164696e6773a373706291ce0036ee8091d1ec7805",
    ),
    (Tick(building="b01", received_at=60_000), "93a45469636ba3623031cdea60"),
    (
        Awaited(
            building="b01",
            reader="c1",
            meter="heat",
            quantity="energy",
            station="spb",
            first=739_000,
            received_at=5,
        ),
        "98a741776169746564a3623031a26331a468656174a6656e65726779a3737062ce000b46b805",
    ),
    (
        Fitted(building="b01", contract="c1", baseline_id="ab12", document=b"{}", received_at=5),
        "97a6466974746564a3623031a26331a461623132c4027b7d05c2",
    ),
    (
        Ruled(
            building="b01",
            meter="heat",
            quantity="energy",
            rulings=(
                Ruling(kind="unit", at=3_600_000, num=1000, unit="MWh", author="A", reason="r", stated_at=5),
            ),
            received_at=5,
        ),
        "96a552756c6564a3623031a468656174a6656e6572677991dc0010a4756e6974ce0036ee80c0cd03e801c0a34d5768a0a0a141a172"
        "05c2a0a0c005",
    ),
]


@pytest.mark.parametrize(("event", "hexed"), OLD, ids=lambda x: type(x).__name__)
def test_bytes_of_before_are_read_for_ever(event: Logged, hexed: str) -> None:
    assert decode(bytes.fromhex(hexed)) == event


@pytest.mark.parametrize(("event", "hexed"), GOLDEN, ids=lambda x: type(x).__name__)
def test_todays_bytes_are_read_for_ever(event: Logged, hexed: str) -> None:
    assert decode(bytes.fromhex(hexed)) == event
    assert encode(event).hex() == hexed


def test_a_reading_without_a_later_field_is_read() -> None:
    written = msgspec.msgpack.encode(["Readings", "b", "m", "energy", "register", [1], [2], 3])
    assert decode(written) == Readings(
        building="b", meter="m", quantity="energy", nature="register", times=(1,), amounts=(2,), received_at=3
    )


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xc1",
        b"{}",
        encode(["Readings", "b"]),
        encode(["Hours", "b", "m", "energy", [], [], [], 0, 0]),
        encode(Rejected(topic="t", payload=b"x", reason="not_json", detail="", received_at=0)),
        encode(
            Readings(
                building="b",
                meter="m",
                quantity="energy",
                nature="register",
                times=(1, 2),
                amounts=(3,),
                received_at=4,
            )
        ),
        encode(
            Readings(
                building="b",
                meter="m",
                quantity="warmth",
                nature="register",
                times=(1,),
                amounts=(3,),
                received_at=4,
            )
        ),
        encode(StationReadings(station="spb", times=(1, 2), temps_mc=(3,), received_at=4)),
        encode(["Readings", "b", "m", "energy", "register", ["now"], [1], 3]),
        b"\x91\xa1\x80",  # an event whose name is no UTF-8
    ],
    ids=lambda value: value[:24].hex() or "empty",
)
def test_what_no_publisher_of_ours_wrote_is_said_to_be_none(value: bytes) -> None:
    with pytest.raises(NotOurs):
        decode(value)


@given(value=st.binary(max_size=60))
def test_any_bytes_are_an_event_or_not_ours(value: bytes) -> None:
    with contextlib.suppress(NotOurs):
        assert isinstance(decode(value), Readings | Tick | Fitted)


@given(
    event=st.builds(
        Rejected,
        topic=TEXTS,
        payload=st.binary(max_size=40),
        reason=TEXTS,
        detail=TEXTS,
        received_at=INTEGERS,
    )
)
def test_a_rejection_comes_back_as_it_went(event: Rejected) -> None:
    assert decode_rejected(encode(event)) == event


def test_todays_rejections_are_read_for_ever() -> None:
    hexed = (
        "88a474797065a852656a6563746564a5746f706963a174a77061796c6f6164c40178a6726561736f6ea86e6f745f6a736f6e"
        "a664657461696ca26e6fab72656365697665645f617405a872656164696e677301a672657461696ec2"
    )
    assert decode_rejected(bytes.fromhex(hexed)) == Rejected(
        topic="t", payload=b"x", reason="not_json", detail="no", received_at=5
    )
    for value in (b"\xc1", b"\x81\xa1\x80\x00"):
        with pytest.raises(NotOurs):
            decode_rejected(value)


@pytest.fixture(scope="module")
def site() -> Site:
    return build_site(
        source("k/{building}/{meter}"),
        building(meter(), meter("sum", virtual={"plus": ["heat"]})),
    )


@pytest.mark.parametrize(
    ("event", "unknown"),
    [
        (
            Readings(
                building="b01",
                meter="heat",
                quantity="energy",
                nature="register",
                times=(),
                amounts=(),
                received_at=0,
            ),
            None,
        ),
        (
            Readings(
                building="b01",
                meter="gone",
                quantity="energy",
                nature="register",
                times=(),
                amounts=(),
                received_at=0,
            ),
            "no meter b01/gone",
        ),
        # A contract may await the days of a virtual meter, which has no readings.
        (
            Awaited(
                building="b01",
                reader="c1",
                meter="sum",
                quantity="energy",
                station="",
                first=1,
                received_at=0,
            ),
            None,
        ),
        (
            Readings(
                building="b01",
                meter="sum",
                quantity="energy",
                nature="register",
                times=(),
                amounts=(),
                received_at=0,
            ),
            "no register b01/sum (it is virtual)",
        ),
        (
            Readings(
                building="b09",
                meter="heat",
                quantity="energy",
                nature="register",
                times=(),
                amounts=(),
                received_at=0,
            ),
            "no building 'b09'",
        ),
        (
            Readings(
                building="b01",
                meter="spb",
                quantity="outdoor_temperature",
                nature="gauge",
                times=(),
                amounts=(),
                received_at=0,
            ),
            None,
        ),
        (StationReadings(station="spb", times=(), temps_mc=(), received_at=0), None),
        (Tick(building="b01", received_at=0), None),
        (Tick(building="b09", received_at=0), "no building 'b09'"),
        (
            Fitted(building="b01", contract="c9", baseline_id="", document=b"", received_at=0),
            "no contract 'c9'",
        ),
        (
            Awaited(
                building="b01",
                reader="c1",
                meter="heat",
                quantity="energy",
                station="moon",
                first=1,
                received_at=0,
            ),
            "no station 'moon'",
        ),
    ],
)
def test_what_the_site_file_does_not_know(site: Site, event: Logged, unknown: str | None) -> None:
    assert stranger(event, site) == unknown
