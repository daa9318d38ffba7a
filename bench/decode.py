"""Readings per CPU second of the decoder, by the shape of the message.

Run: python bench/decode.py
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable

from ingest.decode import Decoder
from metering.events import Readings
from metering.site.model import parse_site
from metering.times import HOUR_MS, UTC, to_ms

SITE = parse_site(
    """
[site]
id = "bench"
[[source]]
topic = "kvartal/v1/{building}/{meter}/readings"
[[building]]
id = "b01"
[[building.meter]]
id = "heat"
carrier = "heat"
unit = "Gcal"
"""
)
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=3)))
NOW = to_ms(dt.datetime(2026, 2, 1, tzinfo=UTC))
CPU_SECONDS = 2.0


def iso(hour: int) -> object:
    return (START + dt.timedelta(hours=hour)).isoformat()


def epoch_ms(hour: int) -> object:
    return to_ms(START) + hour * HOUR_MS


def number(hour: int) -> object:
    return round(1234.567 + 0.137 * hour, 3)


def text(hour: int) -> object:
    return f"{1234.567 + 0.137 * hour:.3f}"


def messages(
    size: int, unit: str, at: Callable[[int], object], value: Callable[[int], object]
) -> list[bytes]:
    return [
        json.dumps(
            {"unit": unit, "readings": [[at(h), value(h)] for h in range(start, start + size)]}
        ).encode()
        for start in range(0, 720 - size + 1, size)
    ]


def readings_per_cpu_second(payloads: list[bytes]) -> float:
    decode = Decoder(SITE).decode
    done = 0
    begun = time.process_time()
    while (spent := time.process_time() - begun) < CPU_SECONDS:
        for payload in payloads:
            for result in decode("kvartal/v1/b01/heat/readings", payload, received_at=NOW):
                assert isinstance(result, Readings), result
                done += len(result.times)
    return done / spent


def main() -> None:
    print(f"{'message':<44}{'readings per CPU second':>24}")
    for name, payloads in (
        ("24 readings, ISO with offset, Gcal", messages(24, "Gcal", iso, number)),
        ("24 readings, epoch ms, Gcal", messages(24, "Gcal", epoch_ms, number)),
        ("24 readings, ISO with offset, GJ as text", messages(24, "GJ", iso, text)),
        ("1 reading, ISO with offset, Gcal", messages(1, "Gcal", iso, number)),
        ("720 readings, ISO with offset, Gcal", messages(720, "Gcal", iso, number)),
    ):
        print(f"{name:<44}{readings_per_cpu_second(payloads):>24,.0f}")


if __name__ == "__main__":
    main()
