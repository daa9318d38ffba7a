"""Workers tell people about alerts, of each state once, over restarts and whichever worker has the building."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from dashboards.words.sentences import sentence
from kvartal.worker import NotifyingSink, ThroughToInflux
from metering.events import Alert
from metering.site.model import parse_site
from storage.influx_reader import InfluxFigures
from storage.influx_sent import InfluxSent
from tests.inbox import Inbox
from tests.places import EXAMPLE

SITE = parse_site(EXAMPLE.read_text(encoding="utf-8"))


def alert(state: Literal["open", "resolved"] = "open", days: int = 67) -> Alert:
    detail = {"savings_pct": 3.0, "lo_pct": -4.5, "hi_pct": 10.4, "days": days}
    opened = 1_767_225_600_000
    return Alert(
        building="b01",
        subject="c-b01-heat",
        kind="no_saving",
        opened=opened,
        state=state,
        changed=opened + days,
        amount=5_000_000,
        money=12_345_00,
        detail=detail,
    )


def test_each_state_is_told_once_whichever_worker_has_the_building(
    influxd: Any, inbox: Inbox, tmp_path: Path
) -> None:
    influxd.create("tells")
    published: list[bytes] = []

    def life(*batches: list[Alert], untold: bool = False) -> int:
        """How many messages a worker sends that is given these batches and ends."""
        before = len(inbox.texts)
        sink = ThroughToInflux(
            url=influxd.url, token="any", org="kvartal", bucket="tells", directory=tmp_path
        )
        figures = InfluxFigures(url=influxd.url, database="tells")
        telling = NotifyingSink(
            sink=sink,
            sent=InfluxSent(sink=sink.outbox, figures=figures),
            urls=[inbox.url],
            publish=lambda topic, payload: published.append(payload),
            sentence=lambda each: sentence(each, SITE, "ru"),
            settle_s=60,
        )
        for batch in batches:
            telling.write(batch)
        if untold:
            telling.notify(figures.alerts(open_only=False))
        telling.stop()
        telling.close()
        sink.close()
        figures.close()
        return len(inbox.texts) - before

    assert life([alert()]) == 1
    assert len(published) == 1
    # The batch was not acknowledged and comes again, to another worker; then there is a day more, worth no message.
    assert life([alert()], untold=True) == 0
    assert len(published) == 1
    assert life([alert(days=68)]) == 0
    assert len(published) == 2
    assert life([alert("resolved", days=69)]) == 1
    assert life([alert("resolved", days=69)], untold=True) == 0
    assert len(published) == 3

    # A worker wrote the figures and died before it notified: the next one sends the alert.
    late = Alert(
        building="b02",
        subject="c-b02-heat",
        kind="no_saving",
        opened=5,
        state="open",
        changed=6,
        amount=1,
        money=100,
        detail=alert().detail,
    )
    sink = ThroughToInflux(url=influxd.url, token="any", org="kvartal", bucket="tells", directory=tmp_path)
    sink.write([late])
    sink.close()
    assert life(untold=True) == 1
    assert life(untold=True) == 0
    assert len(published) == 4
