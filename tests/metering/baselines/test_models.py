"""Every model of the table: one day and many days agree, and its formula is what it says."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.baselines.models import MODELS, SPELL_C, candidates, many_days, one_day, term_columns

DAY = dt.date(2025, 1, 1).toordinal()


@st.composite
def parameters(draw, name):
    model = MODELS[name]
    held = {c: draw(st.floats(-1e4 if c == "day_off" else 0.0, 1e8)) for c in model.coefficients}
    for shape in model.shape:
        if shape == "lag_weight":
            held[shape] = draw(st.sampled_from([1.0, 0.8, 0.6, 0.4]))
        else:
            held[shape] = draw(st.integers(-60, 60)) / 2
    profile = " ".join(str(draw(st.integers(0, 9_999))) for _ in range(4)) + " 7.5" * 92
    return held | {"calendar": "ru", "season_rule": "8/8+0", "profile": profile, "timezone": "Europe/Moscow"}


days = st.lists(
    st.tuples(st.integers(-45_000, 45_000), st.integers(-45_000, 45_000), st.booleans(), st.integers(0, 800)),
    min_size=1,
    max_size=20,
)


@pytest.mark.parametrize("name", list(MODELS))
def test_one_day_and_many_days_are_the_same_integers(name):
    @given(held=parameters(name), rows=days)
    def check(held, rows):
        model = MODELS[name]
        one = one_day(model, held)
        columns = term_columns(
            model,
            held,
            np.array([r[0] for r in rows]),
            np.array([r[1] for r in rows]),
            np.array([float(r[2]) for r in rows]),
            np.array([DAY + r[3] for r in rows]),
        )
        many = many_days(model, held, columns)
        assert many.tolist() == [one(t, b, float(on), DAY + d) for t, b, on, d in rows]
        assert (many >= 0).all()

    check()


P = {
    "base": 100.0,
    "base_off": 40.0,
    "heating": 10.0,
    "cooling": 7.0,
    "spells": 3.0,
    "day_off": -5.0,
    "dark": 2.0,
    "balance_c": 15.0,
    "cap_c": -10.0,
    "cooling_balance_c": 20.0,
    "lag_weight": 0.6,
    "latitude": 0.0,
    "dark_from_h": 10.0,
    "calendar": "week",
    "season_rule": "8/8+0",
}
SATURDAY = dt.date(2025, 3, 22).toordinal()


@pytest.mark.parametrize(
    ("name", "temp", "before", "on", "expected"),
    [
        ("mean", 0, 0, 0.0, 100),
        ("mean_week", 0, 0, 0.0, 95),
        ("heating_2p", 5_000, 10_000, 0.0, 30),  # 100 - 10 * (0.6 * 5 + 0.4 * 10)
        ("heating_2p", 40_000, 40_000, 0.0, 0),
        ("heating_3p", 5_000, 10_000, 0.0, 180),  # 100 + 10 * (15 - 7)
        ("heating_3p", 25_000, 25_000, 0.0, 100),
        ("heating_capped", -30_000, -30_000, 0.0, 350),  # 100 + 10 * (45 - 20)
        ("heating_season", 5_000, 10_000, 1.0, 180),
        ("heating_season", 5_000, 10_000, 0.0, 40),
        ("heating_season_capped", -30_000, -30_000, 1.0, 350),
        ("heating_season_spells", 10_000, 10_000, 0.0, 46),  # 40 + 3 * (12 - 10)
        ("cooling_3p", 25_000, 25_000, 0.0, 135),
        ("heating_cooling", 25_000, 25_000, 0.0, 135),
        ("heating_cooling", 5_000, 10_000, 0.0, 180),
        ("heating_3p_week", 5_000, 10_000, 0.0, 175),
        ("lighting_at_work", 0, 0, 0.0, 40),
        ("lighting", 0, 0, 0.0, 119),  # 100 + 2 * 11.89 h of night on the equator - 5 on a Saturday
    ],
)
def test_the_formulas_by_hand(name, temp, before, on, expected):
    assert SPELL_C == 12.0
    assert one_day(MODELS[name], P)(temp, before, on, SATURDAY) == expected


def test_heat_is_not_used_for_cooling_nor_in_the_dark():
    assert {"cooling_3p", "heating_cooling", "lighting"} <= candidates("electricity")
    assert not {"cooling_3p", "heating_cooling", "lighting", "cooling_3p_week"} & candidates("heat")
    assert "heating_season_spells" in candidates("heat")
