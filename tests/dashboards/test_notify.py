"""Alerts go out once a state: through apprise to a real HTTP server, and to an MQTT topic of a real broker."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from dashboards.notify import Notifier
from dashboards.wording import sentence
from ingest.broker import Mosquitto
from ingest.source import MqttSource
from metering.events import Alert
from metering.site import parse_site
from storage.sqlite import Store

SITE = parse_site(
    (Path(__file__).parent.parent.parent / "examples" / "site.toml").read_text(encoding="utf-8")
)


def alert(
    state: Literal["open", "resolved"] = "open", opened: int = 1_767_225_600_000, **changes: Any
) -> Alert:
    detail = {"savings_pct": 3.0, "lo_pct": -4.5, "hi_pct": 10.4, "days": 67}
    fields = {"changed": opened, "amount": 5_000_000, "money": 12_345_00, "detail": detail}
    return Alert("b01", "c-b01-heat", "no_saving", opened, state, **(fields | changes))


class Inbox(http.server.ThreadingHTTPServer):
    messages: list[dict[str, Any]]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    server = Inbox(("127.0.0.1", 0), Handler)
    server.messages = []
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def notifier(inbox: Inbox, store: Store, published: list[tuple[str, bytes]]) -> Notifier:
    return Notifier(
        urls=[f"json://127.0.0.1:{inbox.server_address[1]}/"],
        publish=lambda topic, payload: published.append((topic, payload)),
        sentence=lambda a: sentence(a, SITE, "ru"),
        sent=store,
        clock=lambda: 0,
    )


def test_each_state_is_told_once_across_restarts(inbox: Inbox, tmp_path: Path) -> None:
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
    texts = [message["message"] for message in inbox.messages]
    assert len(texts) == 2
    assert texts[0].startswith("Белградская ул., 8, ИТП с погодным регулированием: экономия не доказана: 3,0")
    assert texts[1].endswith("✓")
    assert [topic for topic, _ in published] == ["kvartal/v1/alerts/b01"] * 4
    assert json.loads(published[0][1])["kind"] == "no_saving"


def test_history_that_opened_and_resolved_in_one_batch_bothers_nobody(inbox: Inbox, tmp_path: Path) -> None:
    store = Store(tmp_path / "k.db")
    told = notifier(inbox, store, [])
    told.send([alert("resolved")])
    told.close()
    store.close()
    assert inbox.messages == []


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
        told = Notifier(urls=[], publish=sending.publish, sentence=str, sent=store, clock=lambda: 0)
        told.send([alert()])
        told.close()
        deadline = time.monotonic() + 10
        messages = []
        while not messages and time.monotonic() < deadline:
            messages = listening.take(10, 0.5)
        assert [message.topic for message in messages] == ["kvartal/v1/alerts/b01"]
    finally:
        listening.stop()
        sending.stop()
        store.close()
