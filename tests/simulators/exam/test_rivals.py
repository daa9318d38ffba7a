"""Other judges: the textbook against a line it must find, opendsm where there is one, the table."""

import importlib.util
import math

import numpy as np
import pytest

from metering.periods import DailyUse, Period
from simulators.exam.houses import Examined
from simulators.exam.rivals import NoOpendsm, opendsm, textbook
from simulators.exam.table import long_form, short_form, take, take_all
from simulators.exam.traits import draw_traits

WITH_OPENDSM = importlib.util.find_spec("opendsm") is not None


def line(*, noise: float, saved: float, rho: float = 0.0) -> Examined:
    """A house whose use is a 3-parameter line of the day's temperature, with a constant saving in its second year."""
    rng = np.random.default_rng(1)
    days = np.arange(730)
    temps = np.round(6 - 12 * np.cos(2 * np.pi * (days - 15) / 365) + 3 * rng.standard_normal(730), 1)
    chance = rng.standard_normal(730)
    for day in range(1, 730):
        chance[day] = rho * chance[day - 1] + math.sqrt(1 - rho**2) * chance[day]
    used = (3e6 + 4e5 * np.maximum(15 - temps, 0)) * (1 + noise * chance) * np.where(days < 365, 1, 1 - saved)
    return Examined(
        traits=draw_traits(rng, 1)[0],
        baseline=Period(1000, 1364),
        reporting=Period(1365, 1729),
        days=DailyUse(
            used={1000 + int(d): round(used[d]) for d in days},
            temps_mc={1000 + int(d): round(1000 * temps[d]) for d in days},
        ),
        true_share=saved,
        oracle_share=saved,
        changed_share=0.0,
        hourly=None,
    )


@pytest.mark.parametrize("saved", [0.0, 0.1, 0.3])
def test_the_textbook_finds_its_own_line(saved: float) -> None:
    figure = textbook(line(noise=0.0, saved=saved))
    assert figure is not None
    # The grid begins at a percentile, so that a balance point lies up to a quarter of a kelvin off.
    assert figure.estimate == pytest.approx(saved, abs=0.002)


def test_its_interval_is_that_of_ashrae_14() -> None:
    figure = textbook(line(noise=0.05, saved=0.1))
    assert figure is not None
    # Below rho 0.5 every day counts: t a(12) CV sqrt((1 + 2 / 365) / 365) with a(11.99) = 1.3922, t = 1.6491.
    by_hand = 1.6491 * 1.3922 * figure.noise * math.sqrt((1 + 2 / 365) / 365)
    assert figure.high - figure.estimate == pytest.approx(by_hand, rel=1e-3)


def test_it_counts_independent_days_only_where_residuals_are_strongly_correlated() -> None:
    loose, tied = (
        textbook(line(noise=0.05, saved=0.1, rho=0.3)),
        textbook(line(noise=0.05, saved=0.1, rho=0.8)),
    )
    assert loose is not None
    assert tied is not None
    assert loose.rho < 0.5 < tied.rho
    assert (tied.high - tied.low) / tied.noise > 2 * (loose.high - loose.low) / loose.noise


def test_it_gives_no_figure_for_a_few_days() -> None:
    house = line(noise=0.0, saved=0.0)
    kept = {date: used for date, used in house.days.used.items() if date < 1020}
    few = Examined(**{**vars(house), "days": house.days._replace(used=kept)})
    assert textbook(few) is None


@pytest.mark.skipif(WITH_OPENDSM, reason="opendsm is installed")
def test_without_opendsm_one_is_told_how_to_get_it() -> None:
    with pytest.raises(NoOpendsm, match="pip install opendsm 'multimethod<2'"):
        opendsm(splits=False)


@pytest.mark.skipif(not WITH_OPENDSM, reason="the optional opendsm is not installed")
def test_opendsm_judges_a_line() -> None:
    figure = opendsm(splits=False)(line(noise=0.02, saved=0.1))
    assert figure is not None
    assert figure.estimate == pytest.approx(0.1, abs=0.01)


def test_judges_take_the_same_houses() -> None:
    marks = take(4, 3, {"one": textbook, "two": lambda _house: None})
    assert [m.true for m in marks["one"]] == [m.true for m in marks["two"]]
    assert len(marks["one"]) == 4


def test_the_tables_name_every_judge_and_both_drifts() -> None:
    taken = take_all(3, 4)
    table = long_form(taken)
    rows = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:] if row.startswith("|")]
    assert rows[:4] == [
        "Kvartal",
        "3 parameters and ASHRAE-14 (textbook)",
        "Kvartal, drift between years halved",
        "Kvartal, drift between years doubled",
    ]
    assert WITH_OPENDSM or "pip install opendsm" in table
    short = short_form(taken)
    assert [row.split(" | ")[0] for row in short.splitlines()[2:4]] == [f"| {name}" for name in rows[:2]]
    assert "drift" not in short
    assert WITH_OPENDSM or "pip install opendsm" in short
