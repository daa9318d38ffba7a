"""Alerts out: to people through apprise, to machines through an MQTT topic. Each state of an alert once.

A notification that was sent is remembered in the store, so that a restart sends nothing twice. Sending
happens in a thread of its own: a slow mail server must not hold up the pipeline.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import apprise
import msgspec

from metering.events import Alert

log = logging.getLogger("kvartal.notify")

TOPIC = "kvartal/v1/alerts/{building}"


class Sent(Protocol):
    """Remembers what was sent."""

    def notified(self, key: str) -> bool: ...
    def mark_notified(self, key: str, at: int) -> None: ...


class Notifier:
    """Sends alerts when they open and when they resolve."""

    def __init__(
        self,
        *,
        urls: Sequence[str],
        publish: Callable[[str, bytes], None],
        sentence: Callable[[Alert], str],
        sent: Sent,
        clock: Callable[[], int],
    ) -> None:
        """
        Args:
            urls: Apprise URLs.
            publish: Publishes (topic, payload) at the broker.
            sentence: What an alert says to a person.
            sent: Remembers across restarts.
            clock: The time [ms].
        """
        self._apprise = apprise.Apprise()
        for url in urls:
            if not self._apprise.add(url):
                raise ValueError(f"KVARTAL_NOTIFY: apprise does not understand {url.split(':', 1)[0]}://…")
        self._any = bool(urls)
        self._publish, self._sentence, self._sent, self._clock = publish, sentence, sent, clock
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._send_all, name="notify", daemon=True)
        self._thread.start()

    def send(self, alerts: Sequence[Alert]) -> None:
        """Tell about alerts that were opened or resolved; a mere update of a known one is not told again."""
        for alert in alerts:
            self._publish(TOPIC.format(building=alert.building), msgspec.json.encode(alert))
            key = f"{alert.building}/{alert.subject}/{alert.kind}/{alert.opened}/{alert.state}"
            if self._sent.notified(key):
                continue
            opened_key = key.removesuffix(alert.state) + "open"
            if alert.state == "resolved" and not self._sent.notified(opened_key):
                # Opened and resolved within one batch of history: nobody could have acted on it.
                self._sent.mark_notified(key, self._clock())
                continue
            self._sent.mark_notified(key, self._clock())
            if self._any:
                self._queue.put(self._sentence(alert) + (" ✓" if alert.state == "resolved" else ""))

    def _send_all(self) -> None:
        while (text := self._queue.get()) is not None:
            for _attempt in range(3):
                if self._apprise.notify(body=text, title="Kvartal"):
                    break
            else:
                log.warning("an alert could not be sent: %s", text)

    def close(self) -> None:
        """Send what waits, then stop."""
        self._queue.put(None)
        self._thread.join(30)
