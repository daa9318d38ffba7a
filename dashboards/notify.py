"""Alerts out: to people through apprise, to machines through an MQTT topic. Each state of an alert once.

Theory of operation
-------------------
Machines get every change of an alert on its MQTT topic. People are told when an alert opens, when the money at
stake has about doubled since they were told, and when it resolves; the other updates (a day more, a few roubles
more) are not worth a telephone's buzz.

A channel (one apprise URL) has its own thread, queue and memory, so that a dead mail server holds up neither the
pipeline nor the messenger. An alert waits a moment before it is told: history that opens and resolves within an
import, and an alert that flaps, bother nobody. What was told is remembered in the store under the alert's
identity, *after* the channel took it: a crash between the two tells twice rather than never. What a channel does
not take is tried again, less and less often. What still waits when the process ends is told by the next one if
it is given the alerts that it finds in the store (`send` tells nothing twice, so it may be given all of them).
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


class Sent(Protocol):
    """Remembers what was sent, across restarts. Called from the pipeline's and from the channels' threads."""

    def notified(self, key: str) -> bool: ...
    def mark_notified(self, key: str, at: int) -> None: ...


def identity(alert: Alert) -> str:
    """What makes an alert this alert, whatever becomes of it."""
    return f"{alert.building}/{alert.subject}/{alert.kind}/{alert.opened}"


def level(alert: Alert) -> int:
    """How many times the money at stake has doubled since it was one unit of currency; -1 below that."""
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
            sentence: What an alert says to a person.
            sent: Remembers across restarts.
            clock: The time [ms].
            settle_s: How long an alert must stand before people are told [s].
            first_pause_s: Before the first retry of a channel; doubles up to ten minutes [s].

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
        """Tell about alerts; what was told already is not told again. Returns at once."""
        for alert in alerts:
            body = msgspec.json.encode(alert)
            key = f"mqtt/{identity(alert)}/{hashlib.sha256(body).hexdigest()[:16]}"
            # An alert may return to a state that it had (a late reading came and was corrected): that is news.
            before = self._published.get(identity(alert))
            if before != key and (before is not None or not self._sent.notified(key)):
                self._publish(TOPIC.format(building=alert.building), body)
                self._sent.mark_notified(key, self._clock())
            self._published[identity(alert)] = key
            # Worded here, in the pipeline's thread, where a bug of ours is seen; a channel's thread would die of it.
            text = self._sentence(alert) if self._channels else ""
            for channel in self._channels:
                channel.take(alert, text)

    def close(self) -> None:
        """Try once more to send what waits, then stop."""
        for channel in self._channels:
            channel.stop()
        for channel in self._channels:
            channel.join()


class _Waiting(NamedTuple):
    """An alert that a channel has not dealt with, and when it does [monotonic s]."""

    alert: Alert
    text: str
    due: float
    pause_s: float


class _Channel:
    """One apprise URL, its thread, and what waits for it: the newest state of each alert."""

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
            # A newer state waits in the place of the older one, no longer than that would have.
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
                if not self._tell(waiting.alert, waiting.text) and not last:
                    self._again(key, waiting)

    def _again(self, key: str, waiting: _Waiting) -> None:
        pause = waiting.pause_s
        due = time.monotonic() + pause * random.uniform(0.7, 1.3)
        log.warning("%s does not take an alert, again in %.0f s", self._name, pause)
        with self._changed:
            newest = self._waiting.get(key, waiting)
            self._waiting[key] = newest._replace(due=due, pause_s=min(_LONGEST_PAUSE_S, 2 * pause))

    def _tell(self, alert: Alert, text: str) -> bool:
        """Tell people where there is something new to tell; whether that is done."""
        told = self._told(alert)
        opened = self._sent.notified(told + "open")
        news = [told + alert.state]
        sign, kind = "", apprise.NotifyType.WARNING
        if alert.state == "resolved":
            if not opened:
                # It came and went before anybody was told, or its end was told: nobody can act on it.
                return True
            sign, kind = " ✓", apprise.NotifyType.SUCCESS
        else:
            known = max((n for n in range(_MOST_LEVELS) if self._sent.notified(f"{told}{n}")), default=-1)
            if opened and level(alert) <= known:
                return True
            sign = " ↑" if opened else ""
            news.append(f"{told}{level(alert)}")
        if not self._outlet.notify(body=text + sign, title="Kvartal", notify_type=kind):
            return False
        self._mark(news)
        return True

    def _told(self, alert: Alert) -> str:
        """Where it is remembered what was told: anew after each end, for late readings can open it again."""
        times = 0
        while self._sent.notified(f"{self._name}/{identity(alert)}/{times}/resolved"):
            times += 1
        return f"{self._name}/{identity(alert)}/{times}/"

    def _mark(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._sent.mark_notified(key, self._clock())
