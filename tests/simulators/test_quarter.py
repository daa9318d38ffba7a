"""The quarter: a site, archives with honest dirt, a live fortnight, and the truth."""

import collections
import datetime as dt
import itertools
import json

import pytest

from ingest.captures import Capture
from ingest.decode import Decoder
from metering.events import Readings, Rejected, StationReadings
from metering.site.model import parse_site
from metering.times import to_ms
from simulators.quarter import Quarter
from simulators.quarter_dates import ARCHIVES_END, BASELINE, FIRST, LIVE_END, REPORTING, RETROFIT


@pytest.fixture(scope="module")
def quarter() -> Quarter:
    return Quarter(houses=12, seed=1)


@pytest.fixture(scope="module")
def archives(quarter: Quarter) -> list[Capture]:
    return list(quarter.archives())


@pytest.fixture(scope="module")
def live(quarter: Quarter) -> list[Capture]:
    return list(quarter.live())


def shown(captures: list[Capture], topic: str) -> dict[int, float]:
    """Good readings of a topic by instant [ms]; the first copy of each."""
    found: dict[int, float] = {}
    for capture in captures:
        if capture.topic != topic:
            continue
        try:
            content = json.loads(capture.payload)
        except ValueError:
            continue
        pairs = content.get("readings") or [(content.get("time"), content.get("value"))]
        for at, value in pairs:
            if isinstance(at, str):
                found.setdefault(to_ms(dt.datetime.fromisoformat(at)), value)
    return found


def test_the_site_file_parses_and_has_a_contract_for_every_measure(quarter: Quarter) -> None:
    site = parse_site(quarter.site_toml())
    assert len(site.building) == 12
    assert len(site.contract) == 12 + 6
    assert set(site.contracts) == set(quarter.truth())
    assert all(source.backfill for source in site.source)
    assert all(contract.baseline.to == BASELINE[1] for contract in site.contract)
    assert len({building.name for building in site.building}) == 12
    assert BASELINE[1] < RETROFIT < REPORTING[0]


@pytest.mark.parametrize("houses", [1, 2, 15])
def test_any_number_of_houses_makes_a_site(houses: int) -> None:
    quarter = Quarter(houses=houses, seed=3)
    site = parse_site(quarter.site_toml())
    assert len({building.name for building in site.building}) == houses
    assert set(site.contracts) == set(quarter.truth())


def test_no_houses_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 house, not 0"):
        Quarter(houses=0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_truth_spreads_one_measure_does_nothing_and_promises_are_missed(seed: int) -> None:
    quarter = Quarter(seed=seed)
    truth = quarter.truth()
    heat = {contract: value for contract, value in truth.items() if contract.endswith("heat")}
    assert -1.0 <= heat.pop("c-b05-heat") <= 3.0  # the idle one
    assert -8.0 <= heat.pop("c-b09-heat") <= 12.0  # the one whose regulator breaks
    assert all(8.0 <= value <= 32.0 for value in heat.values())
    assert max(heat.values()) - min(heat.values()) > 5.0
    assert all(40.0 <= value <= 65.0 for contract, value in truth.items() if contract.endswith("light"))
    promised = {c.id: c.guaranteed_savings_pct or 0.0 for c in parse_site(quarter.site_toml()).contract}
    missed = sum(truth[contract] < promised[contract] for contract in truth)
    assert 2 <= missed <= len(truth) - 2


def test_truth_is_the_simulation_with_and_without_over_any_days(quarter: Quarter) -> None:
    before = (dt.date(2023, 10, 1), RETROFIT - dt.timedelta(1))
    assert quarter.truth(*before) == dict.fromkeys(quarter.truth(), 0.0)
    assert quarter.truth(*REPORTING) == quarter.truth()
    winter = quarter.truth(dt.date(2025, 1, 1), dt.date(2025, 1, 31))
    assert winter["c-b01-heat"] > 5.0


def test_the_broken_regulator_wastes_in_the_last_weeks_and_goes_on(quarter: Quarter) -> None:
    late = quarter.truth(dt.date(2025, 9, 20), dt.date(2025, 10, 28))
    assert late["c-b09-heat"] < -10.0
    assert late["c-b01-heat"] > 0.0


def test_the_same_seed_is_the_same_quarter_and_another_is_not(archives: list[Capture]) -> None:
    again = Quarter(houses=12, seed=1)
    assert [*again.archives()] == archives
    other = Quarter(houses=12, seed=2)
    assert other.truth() != again.truth()


def test_the_archives_hold_what_the_calendar_says_but_for_the_declared_gaps(archives: list[Capture]) -> None:
    hours = int((ARCHIVES_END - FIRST) / dt.timedelta(hours=1)) + 1
    weather = shown(archives, "kvartal/v1/weather/spb")
    assert len(weather) == hours
    gaps: collections.Counter[int] = collections.Counter()
    for house in range(1, 13):
        for meter in ("heat", "light"):
            times = sorted(
                t
                for t in shown(archives, f"kvartal/v1/b{house:02d}/{meter}/readings")
                if to_ms(FIRST) <= t <= to_ms(ARCHIVES_END) and t % 3_600_000 == 0
            )
            assert (times[0], times[-1]) == (to_ms(FIRST), to_ms(ARCHIVES_END))
            holes = [(b - a) // 3_600_000 - 1 for a, b in itertools.pairwise(times) if b - a > 3_600_000]
            assert len(times) == hours - sum(holes)
            gaps.update(holes)
    assert set(gaps) <= {3, 20, 23}
    assert gaps[3] >= 1
    assert gaps[20] >= 1


def test_registers_only_fall_where_one_rolls_over_or_a_stray_zero_was_sent(archives: list[Capture]) -> None:
    falls: collections.Counter[str] = collections.Counter()
    for house in range(1, 13):
        for meter in ("heat", "light"):
            topic = f"kvartal/v1/b{house:02d}/{meter}/readings"
            of = shown(archives, topic)
            values = [of[t] for t in sorted(of) if to_ms(FIRST) <= t <= to_ms(ARCHIVES_END) and of[t]]
            falls[topic] = sum(b < a for a, b in itertools.pairwise(values))
    assert {topic: n for topic, n in falls.items() if n} == {"kvartal/v1/b04/light/readings": 1}


def test_the_first_house_is_complete_early(archives: list[Capture]) -> None:
    order = [capture.topic.split("/")[2] for capture in archives]
    assert order.index("b02") > max(i for i, building in enumerate(order) if building == "b01")
    assert set(order[: order.index("b01")]) == {"weather"}


def test_every_message_decodes_to_readings_or_a_reason(
    quarter: Quarter, archives: list[Capture], live: list[Capture]
) -> None:
    decoder = Decoder(parse_site(quarter.site_toml()))
    reasons: collections.Counter[str] = collections.Counter()
    readings = 0
    for capture in archives + live:
        for result in decoder.decode(capture.topic, capture.payload, received_at=capture.received_at):
            if isinstance(result, Rejected):
                reasons[result.reason] += 1
            else:
                assert isinstance(result, Readings | StationReadings)
                readings += len(result.times)
    assert {"not_json", "no_reading", "bad_value", "from_future", "unknown_meter"} <= set(reasons)
    assert sum(reasons.values()) < 100
    assert readings > 440_000


def test_there_are_repeated_messages_months_out_of_order_and_stray_zeros(archives: list[Capture]) -> None:
    assert len(set(archives)) < len(archives)
    zeros = disorder = 0
    last: dict[str, str] = {}
    for capture in archives:
        try:
            pairs = json.loads(capture.payload).get("readings")
        except ValueError:
            continue
        if not pairs:
            continue
        zeros += sum(value == 0.0 for _, value in pairs) if "weather" not in capture.topic else 0
        disorder += pairs[0][0] < last.get(capture.topic, "")
        last[capture.topic] = pairs[0][0]
    assert 1 <= zeros <= 20
    assert 1 <= disorder <= 40


def test_the_live_fortnight_runs_in_time_order_and_one_meter_falls_silent(live: list[Capture]) -> None:
    arrivals = [capture.received_at for capture in live]
    assert arrivals == sorted(arrivals)
    hours = int((LIVE_END - ARCHIVES_END) / dt.timedelta(hours=1))
    heard = collections.Counter(capture.topic for capture in live)
    assert heard.pop("kvartal/v1/weather/spb") == hours
    assert hours - 85 < heard.pop("kvartal/v1/b02/light/readings") < hours - 60
    assert set(heard.values()) == {hours}


def test_live_readings_go_on_where_the_archives_end(archives: list[Capture], live: list[Capture]) -> None:
    topic = "kvartal/v1/b01/heat/readings"
    archived, now = shown(archives, topic), shown(live, topic)
    assert min(now) == to_ms(ARCHIVES_END) + 3_600_000
    assert 0 <= min(now.values()) - archived[to_ms(ARCHIVES_END)] < 2.0
