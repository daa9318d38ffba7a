"""A case as the messages that would have arrived."""

from __future__ import annotations

import json
from typing import Final

from ingest.captures import Capture
from metering.times import iso
from simulators.faults.cases import Case

TOPIC: Final = "kvartal/v1/house/heat/readings"

SITE: Final = """
[site]
id = "faults"
lateness_days = 45
[[source]]
topic = "kvartal/v1/{building}/{meter}/readings"
[[building]]
id = "house"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "kWh"
  digits = 5
  max_power_kw = 2000
"""
"""The site file of the first of `METERS`."""


def messages(case: Case) -> list[Capture]:
    """The messages of a case in the order in which they arrive."""
    arrivals = [s.t if s.arrives is None else s.arrives for s in case.sent]
    order = sorted(range(len(arrivals)), key=lambda k: (arrivals[k], case.sent[k].retained, k))
    made: list[Capture] = []
    for start in range(0, len(order), case.batch):
        part = order[start : start + case.batch]
        readings = [
            [iso(s.t), float(s.value) if s.instead is None else json.loads(s.instead)]
            for s in (case.sent[k] for k in part)
        ]
        body = json.dumps({"unit": case.sent[part[0]].unit, "readings": readings}).encode()
        arrived = max(arrivals[k] for k in part) + 1_000
        made.append(Capture(TOPIC, body, arrived, any(case.sent[k].retained for k in part)))
    return made
