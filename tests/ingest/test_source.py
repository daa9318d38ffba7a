"""The source against a real mosquitto: what it takes, what it acknowledges, and on which connection."""

from __future__ import annotations

import gc
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest import source as source_module
from ingest.broker import free_port
from ingest.mosquitto import Mosquitto, find_mosquitto
from ingest.source import Message, MqttSource
from tests.waiting import take, until

Open = Callable[..., MqttSource]


def bodies(messages: list[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def test_messages_arrive_in_order_with_topic_time_and_retain(gateway: Any, open_source: Open) -> None:
    gateway.publish("m/old", b"0", retain=True)
    gateway.wait(1)
    source = open_source()
    assert source.wait_subscribed(10)
    gateway.publish("m/a", b"1")
    gateway.publish("m/ж", b"")
    gateway.publish("n/other", b"3")
    gateway.publish("m/b", b"4")
    taken = [(m.topic, m.payload, m.retain, m.received_at) for m in take(source, 4)]
    now = 1_700_000_000_000
    assert taken == [
        ("m/old", b"0", True, now),
        ("m/a", b"1", False, now),
        ("m/ж", b"", False, now),
        ("m/b", b"4", False, now),
    ]
    assert source.take(10, 0) == []


def test_what_was_not_acknowledged_comes_again_and_nothing_else(gateway: Any, open_source: Open) -> None:
    source = open_source()
    assert source.wait_subscribed(10)
    for n in range(10):
        gateway.publish("m/a", b"%d" % n)
    messages = take(source, 10)
    source.ack(messages[:6])
    source.stop()
    for n in range(10, 13):
        gateway.publish("m/a", b"%d" % n)  # queued by the broker while nobody is there
    gateway.wait(13)
    again = open_source()
    assert bodies(take(again, 7)) == [b"%d" % n for n in range(6, 13)]
    assert again.take(1, 0.1) == []


def test_it_subscribes_on_every_connect(
    mosquitto: Mosquitto, gateway: Any, open_source: Open, tmp_path: Path
) -> None:
    source = open_source()
    assert source.wait_subscribed(10)
    mosquitto.kill()
    until(lambda: not source.connected)
    shutil.rmtree(tmp_path / "mosquitto")  # the broker forgot the session
    mosquitto.start()
    assert source.wait_subscribed(20)
    assert source.connected
    gateway.publish("m/a", b"after")
    assert bodies(take(source, 1)) == [b"after"]


def test_a_session_that_the_broker_kept_takes_new_filters(gateway: Any, open_source: Open) -> None:
    old = open_source()
    assert old.wait_subscribed(10)
    old.stop()
    new = open_source(filters=["m/#", "new/+/x"])
    assert new.wait_subscribed(10)
    gateway.publish("new/a/x", b"1")
    assert bodies(take(new, 1)) == [b"1"]


def test_an_acknowledgement_goes_only_to_the_connection_that_the_message_came_in_on(
    mosquitto: Mosquitto, gateway: Any, open_source: Open
) -> None:
    source = open_source()
    assert source.wait_subscribed(10)
    mosquitto.save()
    for n in range(5):
        gateway.publish("m/a", b"%d" % n)
    before = take(source, 5)
    mosquitto.stop()
    until(lambda: not source.connected)
    source.ack(before[:2])
    mosquitto.start()
    assert source.wait_subscribed(20)
    source.ack(before)
    again = take(source, 5)
    assert bodies(again) == bodies(before)
    assert {m.generation for m in again}.isdisjoint({m.generation for m in before})
    source.ack(again)
    source.stop()
    last = open_source()
    assert last.wait_subscribed(10)
    assert last.take(1, 0.1) == []


def test_what_nobody_took_from_a_lost_connection_is_not_taken_twice(
    mosquitto: Mosquitto, gateway: Any, open_source: Open
) -> None:
    source = open_source()
    assert source.wait_subscribed(10)
    mosquitto.save()
    for n in range(5):
        gateway.publish("m/a", b"%d" % n)
    until(lambda: source.waiting == 5)
    mosquitto.stop()
    until(lambda: not source.connected)
    mosquitto.start()
    assert source.wait_subscribed(20)
    assert bodies(take(source, 5)) == [b"%d" % n for n in range(5)]
    assert source.take(5, 0.1) == []


def test_qos_0_messages_have_nothing_to_acknowledge(gateway: Any, open_source: Open) -> None:
    source = open_source()
    assert source.wait_subscribed(10)
    gateway.publish("m/a", b"0", qos=0)
    first = take(source, 1)
    source.ack(first)  # a PUBACK of packet 0 would be a protocol error, and the broker would hang up
    gateway.publish("m/a", b"1")
    second = take(source, 1)
    assert (first[0].mid, second[0].payload, second[0].generation) == (0, b"1", first[0].generation)


@pytest.mark.parametrize("qos", [0, 1])
def test_what_waits_is_bounded_and_nothing_of_it_is_lost(
    qos: int, gateway: Any, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "MOST_WAITING", 10)
    source = open_source()
    assert source.wait_subscribed(10)
    for n in range(200):
        gateway.publish("m/a", b"%d" % n, qos=qos)
    gateway.wait(200)
    until(lambda: source.waiting == 10)
    taken: list[Message] = []
    while len(taken) < 200:
        assert source.waiting <= 10
        more = take(source, 5)
        source.ack(more)
        taken += more
    assert bodies(taken) == [b"%d" % n for n in range(200)]


def test_bytes_that_wait_are_bounded_and_a_full_source_stops(
    gateway: Any, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "MOST_WAITING_BYTES", 3_000)
    source = open_source()
    assert source.wait_subscribed(10)
    for _ in range(20):
        gateway.publish("m/a", bytes(1000))
    gateway.wait(20)
    until(lambda: source.waiting == 3)
    begun = time.monotonic()
    source.stop()
    assert time.monotonic() - begun < 5


def test_an_idle_broker_is_alive(open_source: Open) -> None:
    source = open_source(keepalive_s=1)
    assert source.wait_subscribed(10)
    heard = source.last_packet
    until(lambda: source.last_packet > heard + 1)
    assert source.connected


def test_a_failure_in_the_callback_is_raised_by_take_and_the_message_comes_again(
    gateway: Any, open_source: Open
) -> None:
    times = iter([1, "broken", 3])

    def clock() -> int:
        now = next(times)
        if not isinstance(now, int):
            raise ZeroDivisionError("no time today")
        return now

    source = open_source(clock=clock)
    assert source.wait_subscribed(10)
    for n in range(3):
        gateway.publish("m/a", b"%d" % n)
    taken: list[Message] = []
    failures: list[str] = []
    while len(taken) + len(failures) < 3:
        try:
            taken += source.take(1, 1)
        except ZeroDivisionError as error:
            failures.append(str(error))
    assert failures == ["no time today"]
    assert [(m.payload, m.received_at) for m in taken] == [(b"0", 1), (b"2", 3)]
    source.ack(taken)
    source.stop()
    assert bodies(take(open_source(), 1)) == [b"1"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dead_network_thread_is_started_again(
    gateway: Any, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda _args: died.append("the thread"))
    source = open_source()
    assert source.wait_subscribed(10)
    callback = source._client.on_message

    def bug(*_args: Any) -> None:
        raise ZeroDivisionError("paho's thread dies of it")

    source._client.on_message = bug
    gateway.publish("m/a", b"0")
    until(lambda: bool(died))
    source._client.on_message = callback
    gateway.publish("m/a", b"1")
    # It comes back on a new connection, to which the broker delivers again what the bug has swallowed.
    assert bodies(take(source, 2)) == [b"0", b"1"]
    gc.collect()  # paho drops the dead thread's sockets unclosed: let that warning fall here


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[int]:
    """Port of a mosquitto that lets nobody in."""
    binary = find_mosquitto()
    if binary is None:
        pytest.skip("no mosquitto here")
    port = free_port()
    conf = tmp_path / "locked.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
    process = subprocess.Popen([binary, "-c", str(conf)], stderr=subprocess.DEVNULL)
    yield port
    process.terminate()
    process.wait(10)


def test_it_says_why_the_broker_turns_it_away(locked: int, open_source: Open) -> None:
    source = open_source(host="127.0.0.1", port=locked, username="meter", password="wrong")
    until(lambda: source.refused is not None)
    assert "uthoriz" in str(source.refused)
    assert not source.connected
