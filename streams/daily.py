"""Which ticks of a building are the first of a UTC day: retention is judged once a day. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from metering.events import RegisterId, Tick
from metering.site.meters import Building
from metering.site.model import Site
from metering.times import DAY_MS


class FirstTicks:
    """Knows which buildings had a tick on the current UTC day.

    Ticks come every minute for every building. This spares the work of all but one of them a day. After a restart or a
    rebalance the next tick is the first one again, which must do no harm.
    """

    def __init__(self, site: Site) -> None:
        self._buildings = site.buildings
        self._quiet_until: dict[str, int] = {}
        self.without_state: set[RegisterId] = set()
        """Registers and gauges without state when a tick looked. They are looked up again after their next reading."""

    def registers(self, tick: Tick, quantities: Sequence[str]) -> list[RegisterId]:
        """Registers or gauges of these quantities that the tick may concern; none if it is not the first of its day."""
        building = self.building(tick)
        meters = () if building is None else building.meter
        return [
            register
            for meter in meters
            if meter.virtual is None
            for quantity in quantities
            if (register := RegisterId(tick.building, meter.id, quantity)) not in self.without_state
        ]

    def building(self, tick: Tick) -> Building | None:
        """The building of the tick if it is the building's first one of its day; None otherwise."""
        if tick.received_at < self._quiet_until.get(tick.building, 0):
            return None
        self._quiet_until[tick.building] = (tick.received_at // DAY_MS + 1) * DAY_MS
        return self._buildings.get(tick.building)
