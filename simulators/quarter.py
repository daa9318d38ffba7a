"""A quarter of panel houses of series 137 whose true savings are known.

One baseline year, a retrofit, one reporting year, and a live fortnight, on a calendar of its own that ends
before any wall clock it may run on. Twelve houses get a weather-compensated heat substation, every second
one LED lamps with sensors too. Among the twelve one measure does next to nothing, and one regulator breaks.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from ingest.captures import Capture
from metering.times import to_ms
from simulators.house import Regime, beside, draw_behaviour, draw_houses, simulate_heat
from simulators.lighting import Renewal, draw_common_areas, draw_traffic, simulate_lighting
from simulators.meter import Register
from simulators.weather import Floats, simulate_weather

MOSCOW: Final = dt.timezone(dt.timedelta(hours=3))
"""Moscow time has had no summer time since 2014."""

_BEGIN: Final = dt.datetime(2023, 9, 10, tzinfo=MOSCOW)
"""The simulation warms up from here."""
FIRST: Final = dt.datetime(2023, 9, 30, tzinfo=MOSCOW)
"""First reading of the archives."""
BASELINE: Final = (dt.date(2023, 10, 1), dt.date(2024, 9, 30))
RETROFIT: Final = dt.date(2024, 10, 8)
"""First day with the measures."""
REPORTING: Final = (dt.date(2024, 10, 15), dt.date(2025, 10, 14))
ARCHIVES_END: Final = dt.datetime(2025, 10, 15, tzinfo=MOSCOW)
LIVE_END: Final = dt.datetime(2025, 10, 29, tzinfo=MOSCOW)
BROKEN: Final = dt.date(2025, 3, 12)
"""First day on which one house's regulator hangs open."""
_ROLLOVER: Final = dt.datetime(2025, 2, 11, 3, tzinfo=MOSCOW)
_SILENT: Final = dt.datetime(2025, 10, 25, 18, tzinfo=MOSCOW)

_STREETS: Final = (
    "Белградская ул., 8", "Бухарестская ул., 67", "Будапештская ул., 40", "Пражская ул., 22",
    "ул. Турку, 9", "Софийская ул., 45", "Загребский бульв., 15", "ул. Ярослава Гашека, 4",
    "Дунайский пр., 34", "ул. Димитрова, 18", "Малая Балканская ул., 26", "Купчинская ул., 30",
)  # fmt: skip

_IDLE, _DEFECT, _ROLLS = 4, 8, 3
"""Which of the houses (from 0) has the measure that does next to nothing, which the regulator that breaks,
and which the electricity register that rolls over."""


@dataclass(frozen=True)
class Point:
    """One meter of one house."""

    building: str
    meter: str
    unit: str
    shown: Floats
    """Register at each hour from the simulation's beginning on [unit]."""


class Quarter:
    """The scenario. Everything follows from the number of houses and the seed."""

    def __init__(self, *, houses: int = 12, seed: int = 1) -> None:
        if houses < 1:
            raise ValueError(f"a quarter has at least 1 house, not {houses}")
        self.houses = houses
        self.seed = seed

    @cached_property
    def buildings(self) -> tuple[str, ...]:
        """Ids of the houses."""
        width = max(2, len(str(self.houses)))
        return tuple(f"b{n:0{width}d}" for n in range(1, self.houses + 1))

    @cached_property
    def _simulated(self) -> _Simulated:
        return _simulate(self.houses, self.seed)

    def name(self, house: int) -> str:
        """Street and number of the house (from 0)."""
        street = _STREETS[house % len(_STREETS)]
        return street if house < len(_STREETS) else f"{street}, корп. {house // len(_STREETS) + 1}"

    def has_lighting(self, house: int) -> bool:
        """Whether the house's lamps are renewed too: every second house's."""
        return house % 2 == 1

    def site_toml(self) -> str:
        """The site file of the quarter."""
        lines = [
            '[site]\nid = "quarter-137"\nname = "Квартал 137"\ntimezone = "Europe/Moscow"',
            "latitude = 59.94\nlongitude = 30.31",
            'currency = "RUB"\nlateness_days = 45\nretention_days = 800',
            '\n[[source]]\ntopic = "kvartal/v1/{building}/{meter}/readings"\nformat = "kvartal"\nbackfill = true',
            '\n[[source]]\ntopic = "kvartal/v1/weather/{station}"\nformat = "kvartal"\nbackfill = true',
            '\n[[station]]\nid = "spb"\nname = "Санкт-Петербург"',
            '\n[[tariff]]\nid = "heat"\nunit = "Gcal"',
            'prices = [{ from = 2023-07-01, price = "2500.00", vat = true, source = "пример" }]',
            '\n[[tariff]]\nid = "power"\nunit = "kWh"',
            'prices = [{ from = 2023-07-01, price = "5.50", vat = true, source = "пример" }]',
        ]
        simulated = self._simulated
        for house, building in enumerate(self.buildings):
            area, persons = simulated.area[house], simulated.persons[house]
            lines.append(
                f'\n[[building]]\nid = "{building}"\nname = "{self.name(house)}"\nkind = "house"\nseries = "137"\n'
                f"area_m2 = {area:.0f}\nflats = 216\npersons = {persons:.0f}\nentrances = 6\n"
                'station = "spb"\n\n'
                '  [[building.meter]]\n  id = "heat"\n  name = "Теплосчётчик"\n  carrier = "heat"\n'
                '  unit = "Gcal"\n  digits = 7\n  max_power_kw = 2000\n\n'
                '  [[building.meter]]\n  id = "light"\n  name = "Общедомовой электросчётчик"\n'
                '  carrier = "electricity"\n  unit = "kWh"\n  digits = 6\n  max_power_kw = 100'
            )
        for house, building in enumerate(self.buildings):
            lines.append(
                self._contract(
                    house, building, "heat", "Тёплый город", "substation", self._promise(house), 1_500_000
                )
            )
            if self.has_lighting(house):
                lines.append(
                    self._contract(
                        house, building, "light", "Эффективный свет", "led", 35 + house % 3 * 10, 420_000
                    )
                )
        return "\n".join(lines) + "\n"

    @staticmethod
    def _contract(
        house: int, building: str, meter: str, programme: str, measure: str, promise: int, investment: int
    ) -> str:
        tariff = "heat" if meter == "heat" else "power"
        return (
            f'\n[[contract]]\nid = "c-{building}-{meter}"\nbuilding = "{building}"\nmeter = "{meter}"\n'
            f'programme = "{programme}"\nmeasure = "{measure}"\n'
            f"baseline = {{ from = {BASELINE[0]}, to = {BASELINE[1]} }}\n"
            f"reporting = {{ from = {REPORTING[0]} }}\n"
            f'guaranteed_savings_pct = {promise}\ntariff = "{tariff}"\n'
            f'investment_rub = "{investment}.00"'
        )

    @staticmethod
    def _promise(house: int) -> int:
        return (15, 20, 15, 25, 15, 10, 20, 15, 20, 15, 25, 12)[house % 12]

    def truth(self, first: dt.date = REPORTING[0], last: dt.date = REPORTING[1]) -> dict[str, float]:
        """True saving of each contract from `first` to `last` [%]: 1 - used / use without the measure.

        Both uses are of the same house in the same weather with the same occupants, at the meter's
        boundary before resolution and gaps. Days are local, both included, from the begin of the
        simulation (2023-09-10) to the end of the live part.
        """
        begin = _index(dt.datetime.combine(first, dt.time(), MOSCOW))
        end = _index(dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), MOSCOW))
        simulated = self._simulated
        if not 0 <= begin < end <= len(simulated.temp_c):
            raise ValueError(
                f"{first}..{last} is not within what was simulated, {_BEGIN.date()}..{LIVE_END.date()}"
            )
        truth: dict[str, float] = {}
        for house, building in enumerate(self.buildings):
            kinds = [("heat", simulated.heat, simulated.heat_without)]
            if self.has_lighting(house):
                kinds.append(("light", simulated.light, simulated.light_without))
            for meter, used, without in kinds:
                share = used[begin:end, house].sum() / without[begin:end, house].sum()
                truth[f"c-{building}-{meter}"] = 100 * (1 - float(share))
        return truth

    def archives(self) -> Iterator[Capture]:
        """The meters' archives as gateways deliver them: weather first, then house by house, month by month.

        With honest dirt: repeated messages, broken payloads, an unknown meter, a null, a reading from the
        future, a stray zero, gaps of 3 and of 20 hours, and months out of order.
        """
        rng = np.random.default_rng((self.seed, 7))
        at = to_ms(ARCHIVES_END)
        months = list(_months())
        for first, end in months:
            yield Capture("kvartal/v1/weather/spb", self._weather(first, end), at)
        for house, building in enumerate(self.buildings):
            for point in self._points(house):
                order = list(range(len(months)))
                if rng.random() < 0.3:
                    late = int(rng.integers(1, len(order) - 1))
                    order[late], order[late + 1] = order[late + 1], order[late]
                gaps = _gaps(rng)
                topic = f"kvartal/v1/{building}/{point.meter}/readings"
                for month in order:
                    payload = self._archive(point, *months[month], gaps, rng)
                    yield Capture(topic, payload, at)
                    if rng.random() < 0.04:
                        yield Capture(topic, payload, at)
            yield from self._dirt(building, at, rng)

    def live(self) -> Iterator[Capture]:
        """The fortnight after the archives, hour by hour; one meter falls silent before its end."""
        points = [point for house in range(self.houses) for point in self._points(house)]
        moment = ARCHIVES_END
        silent = (self.buildings[1 % self.houses], "light")
        while moment < LIVE_END:
            moment += dt.timedelta(hours=1)
            hour = _index(moment)
            at = to_ms(moment) + 5_000
            yield Capture("kvartal/v1/weather/spb", self._weather(hour, hour + 1), at)
            for point in points:
                if (point.building, point.meter) == silent and moment > _SILENT:
                    continue
                body = {"unit": point.unit, "time": _iso(hour), "value": float(point.shown[hour])}
                topic = f"kvartal/v1/{point.building}/{point.meter}/readings"
                yield Capture(topic, json.dumps(body).encode(), at)

    def _points(self, house: int) -> tuple[Point, Point]:
        simulated, building = self._simulated, self.buildings[house]
        rng = np.random.default_rng((self.seed, 11, house))
        heat = Register("Gcal", 1_163_000, 0.001, 7, float(np.round(rng.uniform(2_000, 60_000), 3)))
        start = float(np.round(rng.uniform(20_000, 700_000), 1))
        if house == _ROLLS:
            # This register passes its last digit on a winter night of the reporting year.
            start = round(10**6 - float(simulated.light[: _index(_ROLLOVER), house].sum()) / 1000, 1)
        light = Register("kWh", 1_000, 0.1, 6, start)
        return (
            Point(building, "heat", heat.unit, heat.shown(simulated.heat[:, house])),
            Point(building, "light", light.unit, light.shown(simulated.light[:, house])),
        )

    def _weather(self, first: int, end: int) -> bytes:
        temps = self._simulated.temp_c[first:end]
        readings = [[_iso(first + i), round(float(temp), 1)] for i, temp in enumerate(temps)]
        return json.dumps({"unit": "°C", "readings": readings}, ensure_ascii=False).encode()

    @staticmethod
    def _archive(
        point: Point, first: int, end: int, gaps: list[tuple[int, int]], rng: np.random.Generator
    ) -> bytes:
        hours = [h for h in range(first, end) if not any(a <= h < b for a, b in gaps)]
        readings = [[_iso(h), float(point.shown[h])] for h in hours]
        if rng.random() < 0.02 and len(readings) > 100:
            readings[int(rng.integers(10, 90))][1] = 0.0
        return json.dumps({"unit": point.unit, "readings": readings}).encode()

    @staticmethod
    def _dirt(building: str, at: int, rng: np.random.Generator) -> Iterator[Capture]:
        topic = f"kvartal/v1/{building}/heat/readings"
        bodies = (
            (topic, b'{"unit": "Gcal", "readings": [["2025-10-14T'),
            (topic, b'{"status": "online"}'),
            (topic, b'{"unit": "Gcal", "time": "2025-10-14T12:30:00+03:00", "value": null}'),
            (topic, b'{"unit": "Gcal", "time": "2025-10-14T12:31:00+03:00", "value": NaN}'),
            (topic, b'{"unit": "Gcal", "time": "2027-01-01T00:00:00+03:00", "value": 1.0}'),
            (topic, b'{"unit": "Gcal", "time": "1970-01-01T00:00:07Z", "value": 4711.0}'),
            (f"kvartal/v1/{building}/boiler/readings", b'{"unit": "kWh", "time": 1760000000, "value": 3}'),
        )
        for body_topic, body in bodies:
            if rng.random() < 0.35:
                yield Capture(body_topic, body, at)


@dataclass(frozen=True)
class _Simulated:
    temp_c: Floats
    """At the beginning of each hour [°C]."""
    heat: Floats
    """At the meter [Wh per hour], shape [hours, houses]; `without` is without the measure."""
    heat_without: Floats
    light: Floats
    light_without: Floats
    area: Floats
    persons: Floats


def _simulate(count: int, seed: int) -> _Simulated:
    """Everything that happens, once with the measures and once without; the random numbers are the same."""
    rng = np.random.default_rng(seed)
    days = (LIVE_END - _BEGIN).days + 1
    weather = simulate_weather(rng, _BEGIN.date(), days)
    houses, areas = draw_houses(rng, count), draw_common_areas(rng, count)
    behaviour, traffic = draw_behaviour(rng, days, count), draw_traffic(rng, days, count)
    flicker = np.exp(0.25 * rng.standard_normal((24 * days, count)) - 0.03)
    number = np.arange(count) % len(_STREETS)
    idle = number == _IDLE
    # The idle measure: a controller that was set as hot as the network, without a set-back at night.
    houses = replace(
        houses,
        control_over=np.where(idle, houses.graph_over - 0.01, houses.control_over),
        setback_k=np.where(idle, 0.0, houses.setback_k),
    )
    day = (np.arange(days) + _BEGIN.date().toordinal())[:, None]
    since = day >= RETROFIT.toordinal()
    untouched = Regime.untouched(days, count)
    regime = replace(
        untouched,
        control=np.broadcast_to(since, (days, count)).astype(float),
        stuck=(day >= BROKEN.toordinal()) & (number == _DEFECT),
    )
    # One run of twice the houses is half the Python of two runs.
    heat = simulate_heat(
        weather,
        beside(houses, houses),
        beside(behaviour, behaviour),
        beside(regime, untouched),
        flicker=np.hstack((flicker, flicker)),
    )
    renewed = np.broadcast_to(since, (days, count)).astype(float)
    light = simulate_lighting(weather, areas, traffic, Renewal(led=renewed, sensors=renewed))
    without = simulate_lighting(weather, areas, traffic, Renewal.untouched(days, count))
    return _Simulated(
        weather.temp_c[:, 0], heat[:, :count], heat[:, count:], light, without, houses.area_m2, houses.persons
    )


def _index(moment: dt.datetime) -> int:
    """Hours of the simulation before `moment`."""
    return int((moment - _BEGIN) / dt.timedelta(hours=1))


def _iso(hour: int) -> str:
    return (_BEGIN + dt.timedelta(hours=hour)).isoformat()


def _months() -> Iterator[tuple[int, int]]:
    """Hours [first, end) of each month's archive, from `FIRST` to `ARCHIVES_END` (its own hour included)."""
    begin = FIRST
    while begin < ARCHIVES_END:
        end = min((begin.replace(day=1) + dt.timedelta(days=32)).replace(day=1), ARCHIVES_END)
        last = 1 if end == ARCHIVES_END else 0
        yield _index(begin), _index(end) + last
        begin = end


def _gaps(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Hours without readings: sometimes three, sometimes twenty."""
    span = _index(ARCHIVES_END) - _index(FIRST) - 48
    gaps = []
    for chance, length in ((0.6, 3), (0.4, 20)):
        if rng.random() < chance:
            first = _index(FIRST) + 24 + int(rng.integers(0, span))
            gaps.append((first, first + length))
    return gaps
