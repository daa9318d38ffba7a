"""The exam's houses have the truth that is claimed for them, and Kvartal takes it."""

import datetime as dt
import json
from collections import Counter

import numpy as np
import pytest

from simulators.exam.houses import Examined, simulate
from simulators.exam.sit import Claim, kvartal, mark, run_exam, sit
from simulators.exam.traits import DRIFTS, QUALITIES, Traits, calendar, draw_traits

SEED = 11


@pytest.fixture(scope="module")
def houses() -> list[Examined]:
    traits = draw_traits(np.random.default_rng(SEED), 60)
    return [house for batch in simulate(traits, seed=SEED, keep=range(60)) for house in batch]


def few(count: int) -> list[Traits]:
    """Houses with one baseline year on one calendar, for they are quickly simulated."""
    drawn = draw_traits(np.random.default_rng(SEED), 40 * count)
    return [house for house in drawn if house.baseline_years == 1 and house.begins == 10][:count]


def of(houses: list[Examined], **wanted: object) -> list[Examined]:
    return [h for h in houses if all(getattr(h.traits, name) == value for name, value in wanted.items())]


def test_every_house_is_simulated_once(houses: list[Examined]) -> None:
    assert sorted(house.traits.number for house in houses) == list(range(60))
    assert len({house.traits.name for house in houses}) == 60


def test_the_mix_is_what_the_exam_promises() -> None:
    traits = draw_traits(np.random.default_rng(3), 4000)
    share = {value: n / 4000 for value, n in Counter(house.measure for house in traits).items()}
    assert 0.27 < share["none"] < 0.33  # at least 1,000 of 4,000 without a measure
    assert set(share) == {"none", "substation", "insulation", "deep", "led", "sensors", "led_sensors"}
    assert {house.shape for house in traits} == {"constant", "seasonal", "decaying", "delayed"}
    assert Counter(house.kind for house in traits).keys() == {"heat", "light", "school_heat", "school_light"}
    assert {house.drift for house in traits} == set(DRIFTS)
    assert {house.quality for house in traits} == set(QUALITIES)
    assert 0.2 < sum(house.baseline_years == 3 for house in traits) / 4000 < 0.3
    assert not any(house.compensated for house in traits if not house.heats)


@pytest.mark.parametrize(("years", "begins"), [(1, 1), (1, 5), (1, 10), (3, 10)])
def test_a_calendar_has_whole_years_and_the_retrofit_between_them(years: int, begins: int) -> None:
    cal = calendar(years, begins)
    assert (cal.baseline[1] - cal.baseline[0]).days + 1 == 365 * years
    assert (cal.reporting[1] - cal.reporting[0]).days + 1 == 365
    assert cal.retrofit == cal.baseline[1] + dt.timedelta(1) == cal.reporting[0] - dt.timedelta(14)
    assert cal.reporting[0].month == begins


def test_no_measure_saves_exactly_nothing_and_measures_save(houses: list[Examined]) -> None:
    assert {house.true_share for house in of(houses, measure="none")} == {0.0}
    saved = [house.true_share for house in houses if house.traits.measure != "none"]
    assert min(saved) > 0.0
    assert max(saved) > 0.25
    assert max(saved) < 0.60


def test_the_oracle_is_off_by_drift_and_chance_only(houses: list[Examined]) -> None:
    error = np.array([house.oracle_share - house.true_share for house in houses])
    assert abs(error.mean()) < 0.01
    assert 0.003 < error.std() < 0.04
    # 1 - used / oracle and 1 - used / without differ by what changed without a measure, nothing else.
    for house in houses:
        assert (1 - house.oracle_share) == pytest.approx((1 - house.true_share) * (1 + house.changed_share))


def test_without_drift_the_oracle_errs_less() -> None:
    traits = few(40)

    def spread(drift: float) -> float:
        return float(
            np.std([h.changed_share for batch in simulate(traits, seed=SEED, drift=drift) for h in batch])
        )

    assert spread(0.0) < 0.7 * spread(1.0) < spread(2.0)


def test_a_meter_shows_its_register_and_days_are_its_differences(houses: list[Examined]) -> None:
    for house in houses:
        hourly = house.hourly
        assert hourly is not None
        assert (np.diff(hourly.steps) >= 0).all()
        for date, used in house.days.used.items():
            hour = 24 * (date - hourly.start.toordinal())
            assert used == (hourly.steps[hour + 24] - hourly.steps[hour]) * hourly.step_wh
            assert not hourly.silent[hour]
            assert not hourly.silent[hour + 24]


def test_gaps_are_where_the_quality_says(houses: list[Examined]) -> None:
    for house in houses:
        held = [house.baseline, house.reporting]
        missing = sum(period.days for period in held) - sum(
            period.first <= date <= period.last for date in house.days.used for period in held
        )
        if house.traits.quality == "gaps":
            assert 2 <= missing < 120
        else:
            assert missing == 0


def test_weather_is_known_before_the_baseline_for_the_heating_season(houses: list[Examined]) -> None:
    for house in houses:
        assert min(house.days.temps_mc) <= house.baseline.first - 35
        assert max(house.days.temps_mc) == house.reporting.last


def test_a_seed_is_an_exam() -> None:
    traits = few(12)
    first, again, other = (
        [house for batch in simulate(traits, seed=seed) for house in batch] for seed in (1, 1, 2)
    )
    assert [house.days for house in again] == [house.days for house in first]
    assert [house.true_share for house in again] == [house.true_share for house in first]
    assert [house.days for house in other] != [house.days for house in first]


def test_shapes_in_time(houses: list[Examined]) -> None:
    one = next(house.traits for house in of(houses, kind="heat", measure="substation"))

    def saved(shape: str) -> float:
        shaped = Traits(**{**vars(one), "shape": shape, "strength": 1.0})
        return next(simulate([shaped], seed=SEED))[0].true_share

    constant = saved("constant")
    assert constant > 0.05
    for shape in ("seasonal", "decaying", "delayed"):
        assert 0.0 < saved(shape) < constant


def test_the_document_has_the_shape_that_the_command_prints() -> None:
    told: list[int] = []
    document = json.loads(json.dumps(run_exam(40, 5, told.append), allow_nan=False))
    assert told == list(range(1, 41))
    assert set(document) == {"total", "strata", "seconds"}
    for figures in (document["total"], *document["strata"].values()):
        assert set(figures) == {
            "houses",
            "bias_pp",
            "rmse_pp",
            "coverage",
            "width_ratio",
            "false_significant",
            "detection",
        }
        assert set(figures["detection"]) == {"5", "10", "20"}
    families = Counter(name.split(":")[0] for name in document["strata"])
    assert {
        "kind",
        "measure",
        "drift",
        "year",
        "quality",
        "history",
        "mass",
        "substation",
        "noise",
        "rho",
    } <= set(families)
    kinds = [figures["houses"] for name, figures in document["strata"].items() if name.startswith("kind:")]
    assert sum(kinds) == document["total"]["houses"] == 40


def test_no_exam_without_houses() -> None:
    with pytest.raises(ValueError, match="at least 1 house, not 0"):
        run_exam(0, 1)


def test_another_judge_takes_the_same_exam() -> None:
    certain = list(sit(20, 5, judge=lambda house: Claim(house.true_share, 0.0, 1.0, 0.1, 0.1)))
    assert all(one.estimate == one.true and one.covered for one in certain)


def test_a_house_without_a_figure_says_nothing(houses: list[Examined]) -> None:
    house = of(houses, measure="substation")[0]
    silent = mark(house, None)
    assert silent.covered
    assert not silent.significant
    assert silent.high - silent.low == 2.0
    assert "noise:no figure" in silent.strata


def test_kvartal_takes_it_tolerably_even_in_a_small_sample(houses: list[Examined]) -> None:
    # 60 houses tell little: 90 % coverage leaves 77 % or fewer by chance once in two thousand times.
    marks = [mark(house, kvartal(house)) for house in houses]
    assert sum(one.covered for one in marks) / len(marks) > 0.77
    error = [one.estimate - one.true for one in marks]
    assert abs(np.mean(error)) < 0.012
