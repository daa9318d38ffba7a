"""The report on a contract and on many together, as documents and in words."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.contract_json import document
from dashboards.portfolio import document as portfolio_document
from dashboards.portfolio import lines as portfolio_lines
from dashboards.words.contract import lines, spans_of
from metering.baselines.document import Baseline
from metering.baselines.fit import fit
from metering.events import Savings, WeatherDay
from metering.report.contract import view_contract
from metering.report.parts import ContractView, Rows
from metering.report.portfolio import view_portfolio
from metering.savings.conditions import conditions
from metering.site.model import Site
from tests.days import day_of
from tests.sites import build_site, building, contract, meter, season, station, tariff

FIRST, LAST = dt.date(2023, 10, 1).toordinal(), dt.date(2024, 9, 30).toordinal()
BEGIN, END = dt.date(2024, 10, 15).toordinal(), dt.date(2025, 10, 14).toordinal()
NORMALS = [-4.8, -5.0, -1.0, 5.2, 11.5, 16.1, 19.1, 17.4, 12.4, 6.2, 0.9, -2.5]


def contract_site(*, event: str = "", **normals: Any) -> Site:
    """`event` is tables of contract c1, `normals` the station's."""
    return build_site(
        station(**normals),
        season("2023-10-01", "2024-04-30"),
        season("2024-10-01", "2025-04-30"),
        season("2025-10-01"),
        tariff(("2023-01-01", "2500"), source="order 1"),
        building(meter(), meter("water", "cold_water", "m3"), name="Дом 1", station="spb", persons=500),
        contract(
            baseline="2023-10-01..2024-09-30",
            reporting="2024-10-15..",
            programme="Тёплый город",
            measure="substation",
            tariff="heat",
            investment_rub="1500000",
        ),
        event,
        contract("c2", meter="water", baseline="2023-10-01..2024-09-30", reporting="2024-10-15.."),
        name="Квартал",
    )


def warm(date: int) -> bool:
    return dt.date.fromordinal(date).month in (5, 6, 7, 8, 9)


def weather() -> dict[int, int]:
    rng = random.Random(4)
    return {
        date: round(
            6_000
            - 12_000 * math.cos(2 * math.pi * (dt.date.fromordinal(date).timetuple().tm_yday - 20) / 365)
            + rng.gauss(0, 2_500)
        )
        for date in range(FIRST - 200, END + 1)
    }


def use(date: int, temp: int, factor: float, noise: float) -> int:
    heating = 0 if warm(date) else max(0, 17_000 - temp) * 460
    return round(3_000_000 + heating * factor + noise)


def rows_of(
    site: Site, *, factor: Callable[[int], float] = lambda _: 1.0, out: range = range(0), last: int = END
) -> Rows:
    """Rows as the stream would have left them; `factor` is the measure's effect on heating by date."""
    rng = random.Random(2)
    temps = weather()
    used = {
        date: 0
        if date in out
        else use(date, temps[date], 1.0 if date < BEGIN else factor(date), rng.gauss(0, 2e5))
        for date in range(FIRST, last + 1)
    }
    dates = list(range(FIRST, LAST + 1))
    contract = site.contracts["c1"]
    here = conditions(site, contract)
    baseline = fit(
        dates=dates,
        used=[used[d] for d in dates],
        temps_mc=[temps[d] for d in dates],
        temps_before_mc=[temps[d - 1] for d in dates],
        temp_of=temps.get,
        seasons=here.seasons,
        first=FIRST,
        last=LAST,
    )
    savings = []
    for date in range(BEGIN, last + 1):
        on = baseline.heated(date, temps.get, here.seasons)
        if baseline.outage(used[date], heated=on):
            continue
        wanted = here.expected(baseline, temps[date], temps[date - 1], heated=on, date=date)
        savings.append(
            Savings(
                building="b01", contract="c1", date=date, expected=wanted.adjusted, used=used[date], estimated=0, temp_mc=temps[date],
                extrapolated=baseline.extrapolated(temps[date], temps[date - 1]), baseline_id=baseline.id, received_at=0,
                adjustment=wanted.adjustment,
            )
        )  # fmt: skip
    return Rows(
        savings,
        [day_of("heat", d, u) for d, u in used.items()],
        [
            WeatherDay(building="b01", station="spb", date=d, mean_mc=t, coverage=1.0, received_at=0)
            for d, t in temps.items()
        ],
        baseline.document,
    )


def view_of(site: Site | None = None, **rows: Any) -> tuple[ContractView, Site]:
    site = site or contract_site()
    return view_contract(rows_of(site, **rows), site, site.contracts["c1"]), site


def words(view: ContractView, site: Site, lang: Any = "en") -> dict[str, str]:
    return dict(lines(view, site, lang))


@pytest.fixture(scope="module")
def saved() -> tuple[ContractView, Site]:
    """A measure that takes a quarter off the heating."""
    return view_of(factor=lambda _: 0.75)


def test_a_saving_with_all_that_belongs_to_it(saved: tuple[ContractView, Site]) -> None:
    view, site = saved
    got = document(view)
    assert json.loads(json.dumps(got)) == got
    low, high = got["saving"]["interval_90_pct"]
    assert low < got["saving"]["avoided_pct"] < high
    assert got["verdict"] == "proved"
    assert got["unadjusted"] == got["saving"]
    assert got["money"]["saved"] == pytest.approx(2500 * got["saving"]["avoided"], abs=0.1)
    assert got["money"]["half_width_90"] == pytest.approx(2500 * got["saving"]["half_width_90"], abs=0.1)
    assert got["co2"]["t"] == pytest.approx(0.255 * got["saving"]["avoided"], rel=1e-4)
    assert got["payback"]["years"] == pytest.approx(1_500_000 / got["money"]["saved"], rel=0.01)
    soonest, latest = got["payback"]["interval_90"]
    assert soonest < got["payback"]["years"] < latest
    assert got["formula"]["inside_interval"] is True
    assert abs(got["formula"]["beside"]) <= 1
    assert got["drift"]["source"].startswith("prior 1.75 %")
    assert got["proposed_changes"] == []
    assert got["absent"] == {}
    # The two years have about the same weather: the typical year's saving is the avoided use of a whole year.
    assert got["typical_year"]["avoided"] == pytest.approx(got["saving"]["avoided"], rel=0.08)
    assert got["typical_year"]["weather"] == "baseline_year"
    english, russian = words(view, site), words(view, site, "ru")
    assert english["Verdict"] == "saving proved"
    assert russian["Вывод"] == "экономия доказана"
    assert len(english) == len(russian)


def test_no_saving_is_not_proved_in_words() -> None:
    view, site = view_of()
    assert view.verdict == "not_proved"
    got, said = document(view), words(view, site)
    assert got["saving"]["proved"] is False
    assert got["saving"]["grade"] == "D"
    assert got["payback"]["interval_90"][1] is None
    assert said["Verdict"] == "saving not proved"
    assert said["Saving, 90 %"].endswith("saving not proved")
    assert said["Simple payback"].endswith("saving not proved")
    assert words(view, site, "ru")["Экономия, 90 %"].endswith("экономия не доказана")


def test_a_lost_saving_is_proposed_with_date_size_and_direction_and_not_applied() -> None:
    lost = dt.date(2025, 2, 1).toordinal()
    view, site = view_of(factor=lambda date: 0.7 if date < lost else 1.0)
    (change,) = document(view)["proposed_changes"]
    assert abs(dt.date.fromisoformat(change["began"]).toordinal() - lost) <= 3
    assert change["direction"] == "more_use"
    assert change["size_pct"] == pytest.approx(24, abs=6)
    assert change["applied"] is False
    assert view.total == view.unadjusted
    assert "use is up by" in words(view, site)["Proposed, not applied"]


def test_a_season_that_ends_is_no_event(saved: tuple[ContractView, Site]) -> None:
    """Nothing is saved of the hot water, so the saved share falls in May."""
    assert saved[0].changes == ()


EVENTS = """
  [[contract.event]]
  from = 2025-01-01
  to = 2025-01-31
  total = "-40"
  reason = "the shop was closed"
  author = "Ivanova"
  approved_by = "Petrov"
  [[contract.event]]
  from = 2025-02-01
  share_pct = "5"
  reason = "a new ventilation"
  author = "Ivanova"
"""


def test_events_with_both_figures_and_their_authors() -> None:
    view, site = view_of(contract_site(event=EVENTS), factor=lambda _: 0.75)
    got = document(view)
    shop, ventilation = got["events"]
    assert shop["added"] == pytest.approx(-40)
    assert shop["counted"] is True
    assert ventilation["added"] == 0
    assert ventilation["counted"] is False
    assert got["unadjusted"]["avoided"] - got["saving"]["avoided"] == pytest.approx(40)
    assert got["saving"]["half_width_parts"]["adjusted"] == pytest.approx(10)
    assert got["versions"]["conditions"]
    told = [text for label, text in lines(view, site, "en") if label == "Event"]
    assert "the shop was closed; author Ivanova; approved by Petrov" in told[0]
    assert told[1].endswith("not approved and not counted")
    assert "The same unadjusted" in words(view, site)


def test_normals_of_the_climate_are_the_typical_year() -> None:
    view, _ = view_of(contract_site(normals_c=NORMALS, normals_source="1991-2020"), factor=lambda _: 0.75)
    got = document(view)["typical_year"]
    assert (got["weather"], got["source"]) == ("normals", "1991-2020")
    assert got["proved"] is True
    assert got["before"] - got["after"] == pytest.approx(got["avoided"])


def test_days_without_supply_are_named_and_no_saving() -> None:
    out = range(dt.date(2024, 7, 1).toordinal(), dt.date(2024, 7, 15).toordinal())
    later = range(dt.date(2025, 7, 8).toordinal(), dt.date(2025, 7, 22).toordinal())
    site = contract_site()
    rows = rows_of(site, factor=lambda _: 0.75, out=range(out.start, out.stop))
    zero = set(later)
    rows = rows._replace(
        days=[d if d.date not in zero else day_of("heat", d.date, 0) for d in rows.days],
        savings=[s for s in rows.savings if s.date not in zero],
    )
    view = view_contract(rows, site, site.contracts["c1"])
    assert view.outages == tuple(later)
    assert view.missing == 0
    assert words(view, site)["Days without supply"] == "14: 2025-07-08…2025-07-21"
    assert document(view)["outages_baseline"][0] == "2024-07-01"


def test_what_is_not_there_says_why() -> None:
    site = contract_site()
    water = view_contract(Rows(), site, site.contracts["c2"])
    assert water.verdict == "waiting"
    assert document(water)["absent"]["saving"]["reason"] == "no_baseline"
    assert "no baseline yet" in words(water, site)["Saving, 90 %"]
    short, _ = view_of(factor=lambda _: 0.75, last=BEGIN + 99)
    got = document(short)
    assert got["typical_year"] is None
    assert got["absent"]["typical_year"]["en"].startswith("needs nearly")


def test_metered_hot_water_tells_itself_apart() -> None:
    site = contract_site()
    rows = rows_of(site, factor=lambda _: 0.75)
    litres = {day.date: 40_000 for day in rows.days}
    metered = view_contract(rows._replace(litres=litres), site, site.contracts["c1"])
    assert metered.hot_water is not None
    assert metered.hot_water.source == "volume"
    assert metered.hot_water.hot_water == pytest.approx(len(rows.savings) * 40_000 * 69.78, rel=1e-6)
    plain = view_contract(rows, site, site.contracts["c1"])
    assert plain.hot_water is not None
    assert plain.hot_water.source == "days without heat"


def test_contracts_added_up(saved: tuple[ContractView, Site]) -> None:
    view, site = saved
    twin = view._replace(contract=view.contract.model_copy(update={"id": "c3", "programme": "Б"}))
    water = view_contract(Rows(), site, site.contracts["c2"])
    (alone,) = view_portfolio([view], site, "building")
    assert alone.carriers[0].total.half_width == pytest.approx(view.total.width.total)  # type: ignore[union-attr]
    (group,) = view_portfolio([view, twin, water], site, "quarter")
    assert (group.name, group.contracts, group.waiting) == ("Квартал", 3, 1)
    (heat,) = group.carriers
    own, common = alone.carriers[0].total.half_width, 0.01 * 2 * alone.carriers[0].total.avoided
    assert heat.total.avoided == 2 * alone.carriers[0].total.avoided
    assert heat.total.half_width == pytest.approx(math.hypot(own, own, common))
    assert group.money is not None
    assert alone.money is not None
    assert group.money.avoided == 2 * alone.money.avoided
    assert group.payback_years == pytest.approx(alone.payback_years)
    names = [each.id for each in view_portfolio([view, twin, water], site, "programme")]
    assert names == ["Тёплый город", "Б", ""]
    got = portfolio_document([group], "quarter", site)
    assert json.loads(json.dumps(got)) == got
    assert got["groups"][0]["carriers"][0]["verdict_text"]["en"] == "saving proved"
    assert portfolio_lines([group], site, "ru")[0] == "Квартал: договоров 3, без цифр 1"


def test_a_group_that_saves_nothing_is_not_proved() -> None:
    view, site = view_of()
    assert "saving not proved" in portfolio_lines(view_portfolio([view], site, "quarter"), site, "en")[1]


def test_spans() -> None:
    assert spans_of([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
    assert spans_of([]) == []


def test_the_baseline_is_named(saved: tuple[ContractView, Site]) -> None:
    view, _ = saved
    assert isinstance(view.baseline, Baseline)
    assert document(view)["versions"]["baseline"] == view.baseline.id
