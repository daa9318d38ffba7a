"""A quarter of panel houses of series 137 whose true savings are known.

One baseline year, a retrofit, one reporting year, and a live fortnight (`simulators.quarter_dates`). Each house gets
a weather-compensated heat substation, every second one LED lamps with sensors too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from ingest.captures import Capture
from simulators import quarter_captures
from simulators.quarter_dates import BASELINE, BEGIN, LIVE_END, MOSCOW, REPORTING, hour_of
from simulators.quarter_houses import Simulated, simulate

_STREETS: Final = (
    "Белградская ул., 8", "Бухарестская ул., 67", "Будапештская ул., 40", "Пражская ул., 22",
    "ул. Турку, 9", "Софийская ул., 45", "Загребский бульв., 15", "ул. Ярослава Гашека, 4",
    "Дунайский пр., 34", "ул. Димитрова, 18", "Малая Балканская ул., 26", "Купчинская ул., 30",
)  # fmt: skip
_PROMISES_PCT: Final = (15, 20, 15, 25, 15, 10, 20, 15, 20, 15, 25, 12)
"""Guaranteed saving of heat, by the house's number in its dozen."""


class Quarter:
    """The scenario; the number of houses and the seed determine everything."""

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
    def _simulated(self) -> Simulated:
        return simulate(self.houses, self.seed)

    def name(self, house: int) -> str:
        """Street and number of the house (from 0)."""
        street = _STREETS[house % len(_STREETS)]
        return street if house < len(_STREETS) else f"{street}, корп. {house // len(_STREETS) + 1}"

    def has_lighting(self, house: int) -> bool:
        """Whether the house's lamps are renewed too: true for every second house."""
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
                _contract(
                    building,
                    "heat",
                    "Тёплый город",
                    "substation",
                    _PROMISES_PCT[house % len(_PROMISES_PCT)],
                    1_500_000,
                )
            )
            if self.has_lighting(house):
                lines.append(
                    _contract(building, "light", "Эффективный свет", "led", 35 + house % 3 * 10, 420_000)
                )
        return "\n".join(lines) + "\n"

    def truth(self, first: dt.date = REPORTING[0], last: dt.date = REPORTING[1]) -> dict[str, float]:
        """True saving of each contract from `first` to `last` [%]: 1 - used / use without the measure.

        Both uses are of the same house in the same weather with the same occupants, at the meter's
        boundary before resolution and gaps. Days are local, both included, from the beginning of the
        simulation (2023-09-10) to the end of the live part.
        """
        begin = hour_of(dt.datetime.combine(first, dt.time(), MOSCOW))
        end = hour_of(dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), MOSCOW))
        simulated = self._simulated
        if not 0 <= begin < end <= len(simulated.temp_c):
            raise ValueError(
                f"{first}..{last} is not within what was simulated, {BEGIN.date()}..{LIVE_END.date()}"
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
        """The meters' archives, with honest dirt (`simulators.quarter_captures.archives`)."""
        return quarter_captures.archives(self._simulated, self.buildings, self.seed)

    def live(self) -> Iterator[Capture]:
        """The fortnight after the archives (`simulators.quarter_captures.live`)."""
        return quarter_captures.live(self._simulated, self.buildings, self.seed)


def _contract(building: str, meter: str, programme: str, measure: str, promise: int, investment: int) -> str:
    tariff = "heat" if meter == "heat" else "power"
    return (
        f'\n[[contract]]\nid = "c-{building}-{meter}"\nbuilding = "{building}"\nmeter = "{meter}"\n'
        f'programme = "{programme}"\nmeasure = "{measure}"\n'
        f"baseline = {{ from = {BASELINE[0]}, to = {BASELINE[1]} }}\n"
        f"reporting = {{ from = {REPORTING[0]} }}\n"
        f'guaranteed_savings_pct = {promise}\ntariff = "{tariff}"\n'
        f'investment_rub = "{investment}.00"'
    )
