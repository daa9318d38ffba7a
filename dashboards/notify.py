"""Alerts out: to people through apprise, to machines through an MQTT topic. Each state of an alert once.

Theory of operation
-------------------
Every change of an alert is published on its MQTT topic, for machines. People are notified when an alert opens,
when the money at stake has about doubled since the last notification, and when it resolves; smaller updates (a
day more, a few roubles more) are not worth a notification.

A channel (one apprise URL) has its own thread, queue and record of sent notifications, so that a dead mail server
delays neither the pipeline nor the messenger. An alert waits a moment before it is sent: an alert that opens and
resolves within one import, or that flaps, causes no notification. A sent notification is recorded in the store
under the alert's identity *after* the channel has accepted it: a crash between the two sends it twice rather than
never. A notification that a channel refuses is retried with growing pauses. Notifications still waiting when the
process ends are sent by the next process if it is given the alerts in the store (`send` repeats nothing, so it may
be given all of them).
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import apprise
import msgspec

from metering.events import Alert

log = logging.getLogger("kvartal.notify")

TOPIC: Final = "kvartal/v1/alerts/{building}"
_LONGEST_PAUSE_S: Final = 600.0
_MOST_LEVELS: Final = 64
"""Levels of the money at stake that are looked up in the store (`level`)."""


class Sent(Protocol):
    """Record of sent notifications that survives restarts. Called from the pipeline's and the channels' threads."""

    def notified(self, key: str) -> bool: ...
    def mark_notified(self, key: str, at: int) -> None: ...


def identity(alert: Alert) -> str:
    """Key of an alert that stays the same through its states."""
    return f"{alert.building}/{alert.subject}/{alert.kind}/{alert.opened}"


def level(alert: Alert) -> int:
    """Number of doublings of the money at stake since one unit of currency; -1 below one unit."""
    return (alert.money // 100).bit_length() - 1


class Notifier:
    """Sends alerts to people and machines."""

    def __init__(
        self,
        *,
        urls: Sequence[str],
        publish: Callable[[str, bytes], None],
        sentence: Callable[[Alert], str],
        sent: Sent,
        clock: Callable[[], int],
        settle_s: float = 2.0,
        first_pause_s: float = 2.0,
    ) -> None:
        """
        Args:
            urls: Apprise URLs, a channel each.
            publish: Publishes (topic, payload) at the broker.
            sentence: Words an alert for a person.
            sent: Record of sent notifications.
            clock: The time [ms].
            settle_s: Delay between an alert and its notification [s].
            first_pause_s: Pause before the first retry of a channel; doubles up to ten minutes [s].

        Raises:
            ValueError: apprise does not understand one of the URLs.
        """
        self._publish, self._sentence, self._sent, self._clock = publish, sentence, sent, clock
        self._published: dict[str, str] = {}
        self._channels = []
        for url in urls:
            outlet = apprise.Apprise()
            # apprise logs a URL that it does not understand whole, with its password.
            of_apprise = logging.getLogger("apprise")
            before, of_apprise.disabled = of_apprise.disabled, True
            added = outlet.add(url)
            of_apprise.disabled = before
            if not added:
                # The rest of a URL holds passwords and is not repeated.
                raise ValueError(f"KVARTAL_NOTIFY: apprise does not understand {url.split(':', 1)[0]}://…")
            name = hashlib.sha256(url.encode()).hexdigest()[:8]
            self._channels.append(
                _Channel(f"{url.split(':', 1)[0]}-{name}", outlet, sent, clock, settle_s, first_pause_s)
            )

    def send(self, alerts: Sequence[Alert]) -> None:
        """Publish and queue the states of alerts that were not sent before. Returns at once."""
        for alert in alerts:
            body = msgspec.json.encode(alert)
            key = f"mqtt/{identity(alert)}/{hashlib.sha256(body).hexdigest()[:16]}"
            # An alert may return to an earlier state (a late reading arrived and was corrected): that is published too.
            before = self._published.get(identity(alert))
            if before != key and (before is not None or not self._sent.notified(key)):
                self._publish(TOPIC.format(building=alert.building), body)
                self._sent.mark_notified(key, self._clock())
            self._published[identity(alert)] = key
            # Worded in the pipeline's thread: there a bug is noticed, in a channel's thread it would end the channel.
            text = self._sentence(alert) if self._channels else ""
            for channel in self._channels:
                channel.take(alert, text)

    def close(self) -> None:
        """Try once more to send the waiting notifications, then stop."""
        for channel in self._channels:
            channel.stop()
        for channel in self._channels:
            channel.join()


class _Waiting(NamedTuple):
    """A notification that waits in a channel until `due` [monotonic s]."""

    alert: Alert
    text: str
    due: float
    pause_s: float


class _Channel:
    """One apprise URL, its thread, and its queue: the newest state of each alert."""

    def __init__(
        self,
        name: str,
        outlet: apprise.Apprise,
        sent: Sent,
        clock: Callable[[], int],
        settle_s: float,
        first_pause_s: float,
    ) -> None:
        self._name, self._outlet = name, outlet
        self._sent, self._clock = sent, clock
        self._settle_s, self._first_pause_s = settle_s, first_pause_s
        self._waiting: dict[str, _Waiting] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"notify-{name}", daemon=True)
        self._thread.start()

    def take(self, alert: Alert, text: str) -> None:
        with self._changed:
            before = self._waiting.get(identity(alert))
            # A newer state replaces a waiting one and keeps its due time.
            self._waiting[identity(alert)] = (
                before._replace(alert=alert, text=text)
                if before
                else _Waiting(alert, text, time.monotonic() + self._settle_s, self._first_pause_s)
            )
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def join(self) -> None:
        self._thread.join(30)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [key for key, each in self._waiting.items() if each.due <= now or self._stopping]
                if not due:
                    if self._stopping:
                        return
                    first = min((each.due for each in self._waiting.values()), default=now + 3600)
                    self._changed.wait(first - now)
                    continue
                taken = {key: self._waiting.pop(key) for key in due}
                last = self._stopping
            for key, waiting in taken.items():
                if not self._notify(waiting.alert, waiting.text) and not last:
                    self._retry(key, waiting)

    def _retry(self, key: str, waiting: _Waiting) -> None:
        pause = waiting.pause_s
        due = time.monotonic() + pause * random.uniform(0.7, 1.3)
        log.warning("%s does not take an alert, again in %.0f s", self._name, pause)
        with self._changed:
            newest = self._waiting.get(key, waiting)
            self._waiting[key] = newest._replace(due=due, pause_s=min(_LONGEST_PAUSE_S, 2 * pause))

    def _notify(self, alert: Alert, text: str) -> bool:
        """Send the state of an alert if people do not know it; returns whether the channel is done with it."""
        prefix = self._key_prefix(alert)
        opened = self._sent.notified(prefix + "open")
        keys = [prefix + alert.state]
        sign, kind = "", apprise.NotifyType.WARNING
        if alert.state == "resolved":
            if not opened:
                # Its opening was never sent, or its end was sent already: nobody can act on it.
                return True
            sign, kind = " ✓", apprise.NotifyType.SUCCESS
        else:
            known = max((n for n in range(_MOST_LEVELS) if self._sent.notified(f"{prefix}{n}")), default=-1)
            if opened and level(alert) <= known:
                return True
            sign = " ↑" if opened else ""
            keys.append(f"{prefix}{level(alert)}")
        if not self._outlet.notify(body=text + sign, title="Kvartal", notify_type=kind):
            return False
        for key in keys:
            self._sent.mark_notified(key, self._clock())
        return True

    def _key_prefix(self, alert: Alert) -> str:
        """Key prefix of an alert's sent notifications.

        It changes after each resolution, because late readings can reopen an alert.
        """
        resolved = 0
        while self._sent.notified(f"{self._name}/{identity(alert)}/{resolved}/resolved"):
            resolved += 1
        return f"{self._name}/{identity(alert)}/{resolved}/"
