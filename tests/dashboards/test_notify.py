"""Alerts go out once a state: through apprise to a real HTTP server, and to an MQTT topic of a real broker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from dashboards.notify import Notifier
from dashboards.words.sentences import sentence
from ingest.mosquitto import Mosquitto
from ingest.source import MqttSource
from metering.events import Alert
from metering.site.model import parse_site
from storage.sqlite import Store
from tests.inbox import Inbox
from tests.places import EXAMPLE
from tests.waiting import until

SITE = parse_site(EXAMPLE.read_text(encoding="utf-8"))


def alert(
    state: Literal["open", "resolved"] = "open", opened: int = 1_767_225_600_000, **changes: Any
) -> Alert:
    detail = {"savings_pct": 3.0, "lo_pct": -4.5, "hi_pct": 10.4, "days": 67}
    fields = {"changed": opened, "amount": 5_000_000, "money": 12_345_00, "detail": detail}
    return Alert(
        building="b01",
        subject="c-b01-heat",
        kind="no_saving",
        opened=opened,
        state=state,
        **(fields | changes),
    )


def notifier(
    inbox: Inbox, store: Store, published: list[tuple[str, bytes]], settle_s: float = 60, more: str = ""
) -> Notifier:
    return Notifier(
        urls=[inbox.url, *([more] if more else [])],
        publish=lambda topic, payload: published.append((topic, payload)),
        sentence=lambda a: sentence(a, SITE, "ru"),
        sent=store,
        clock=lambda: 0,
        settle_s=settle_s,
        first_pause_s=0.02,
    )


def notifications(inbox: Inbox, store: Store, *alerts: Alert) -> list[str]:
    """Texts sent by processes that get these alerts, one each."""
    before = len(inbox.messages)
    for each in alerts:
        sender = notifier(inbox, store, [])
        sender.send([each])
        sender.close()
    return inbox.texts[before:]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "k.db")
    yield opened
    opened.close()


def test_each_state_is_sent_once_across_restarts(inbox: Inbox, tmp_path: Path) -> None:
    published: list[tuple[str, bytes]] = []
    store = Store(tmp_path / "k.db")
    first = notifier(inbox, store, published)
    first.send([alert()])
    first.send([alert(amount=6_000_000)])  # a mere update
    first.close()
    store.close()
    store = Store(tmp_path / "k.db")
    second = notifier(inbox, store, published)
    second.send([alert(), alert("resolved")])
    second.close()
    store.close()
    texts = inbox.texts
    assert len(texts) == 2
    assert texts[0].startswith("Белградская ул., 8, ИТП с погодным регулированием: экономия не доказана: 3,0")
    assert texts[1].endswith("✓")
    # Machines got the update too, and nothing twice.
    assert [topic for topic, _ in published] == ["kvartal/v1/alerts/b01"] * 3
    assert [json.loads(body)["amount"] for _, body in published] == [5_000_000, 6_000_000, 5_000_000]
    assert json.loads(published[0][1])["kind"] == "no_saving"


def test_history_that_opened_and_resolved_in_one_batch_notifies_nobody(inbox: Inbox, tmp_path: Path) -> None:
    store = Store(tmp_path / "k.db")
    sender = notifier(inbox, store, [])
    sender.send([alert("resolved")])
    sender.close()
    store.close()
    assert inbox.messages == []


def test_people_are_notified_again_when_the_money_has_doubled(inbox: Inbox, store: Store) -> None:
    sums = [1_000_00, 1_020_00, 1_100_00, 1_900_00, 2_100_00, 1_500_00, 2_200_00, 9_000_00]
    texts = notifications(inbox, store, *(alert(money=money) for money in sums))
    assert [text.endswith(" ↑") for text in texts] == [False, True, True, True]  # 1000, 1100, 2100, 9000


def test_an_alert_that_opens_again_after_its_end_is_sent_again(inbox: Inbox, store: Store) -> None:
    one, end, again = alert(), alert("resolved"), alert(changed=9)
    texts = notifications(inbox, store, one, end, end, again, again, end, end)
    assert [text.endswith("✓") for text in texts] == [False, True, False, True]


def test_what_is_refused_is_retried(inbox: Inbox, store: Store) -> None:
    inbox.refuses = 2
    sender = notifier(inbox, store, [], settle_s=0)
    sender.send([alert()])
    until(lambda: len(inbox.messages) == 1)
    sender.send([alert("resolved")])
    until(lambda: len(inbox.messages) == 2)
    sender.close()
    assert inbox.texts[1].endswith("✓")


def test_what_was_refused_before_the_end_is_sent_by_the_next_process(inbox: Inbox, store: Store) -> None:
    inbox.refuses = 1
    assert notifications(inbox, store, alert()) == []
    assert len(notifications(inbox, store, alert())) == 1
    assert notifications(inbox, store, alert()) == []


def test_a_dead_channel_holds_up_no_other(inbox: Inbox, store: Store) -> None:
    sender = notifier(inbox, store, [], settle_s=0, more="json://127.0.0.1:9/")
    sender.send([alert(opened=n) for n in range(5)])
    until(lambda: len(inbox.messages) == 5)
    sender.close()


def test_an_alert_that_ends_before_it_has_settled_notifies_nobody(inbox: Inbox, store: Store) -> None:
    sender = notifier(inbox, store, published := [])
    sender.send([alert()])
    sender.send([alert("resolved")])
    sender.close()
    assert inbox.messages == []
    assert len(published) == 2


def test_machines_learn_of_a_state_that_comes_back(inbox: Inbox, store: Store) -> None:
    sender = notifier(inbox, store, published := [])
    for each in (alert(), alert("resolved"), alert("resolved"), alert()):
        sender.send([each])
    sender.close()
    assert [json.loads(body)["state"] for _, body in published] == ["open", "resolved", "open"]


def test_the_store_has_no_password(inbox: Inbox, store: Store, tmp_path: Path) -> None:
    url = f"json://me:hunter2@127.0.0.1:{inbox.server_address[1]}/"
    sender = Notifier(urls=[url], publish=lambda *_: None, sentence=str, sent=store, clock=lambda: 0)
    sender.send([alert()])
    sender.close()
    assert len(inbox.messages) == 1
    assert all(b"hunter2" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_url_that_apprise_does_not_know_stops_the_start(tmp_path: Path) -> None:
    store = Store(tmp_path / "k.db")
    with pytest.raises(ValueError, match="KVARTAL_NOTIFY"):
        Notifier(
            urls=["nonsense://x"],
            publish=lambda _topic, _payload: None,
            sentence=str,
            sent=store,
            clock=lambda: 0,
        )
    store.close()


def test_the_mqtt_topic_is_a_real_one(mosquitto: Mosquitto, tmp_path: Path, inbox: Inbox) -> None:
    def client(name: str, filters: list[str]) -> MqttSource:
        source = MqttSource(
            host=mosquitto.host, port=mosquitto.port, client_id=name, filters=filters, clock=lambda: 0
        )
        source.start()
        return source

    listening, sending = client("listener", ["kvartal/v1/alerts/+"]), client("sender", ["none"])
    store = Store(tmp_path / "k.db")
    try:
        assert listening.wait_subscribed(10)
        assert sending.wait_subscribed(10)
        sender = Notifier(urls=[], publish=sending.publish, sentence=str, sent=store, clock=lambda: 0)
        sender.send([alert()])
        sender.close()
        deadline = time.monotonic() + 10
        messages = []
        while not messages and time.monotonic() < deadline:
            messages = listening.take(10, 0.5)
        assert [message.topic for message in messages] == ["kvartal/v1/alerts/b01"]
    finally:
        listening.stop()
        sending.stop()
        store.close()
