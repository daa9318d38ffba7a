"""What registers show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.meter import Register


@pytest.mark.parametrize(
    ("register", "hourly_wh", "shown"),
    [
        (Register("kWh", 1000, 0.1, 6, 10.0), [50, 50, 120], [10.0, 10.0, 10.1, 10.2]),
        (Register("kWh", 1000, 1.0, 6, 10.0), [900, 200, 0], [10.0, 10.0, 11.0, 11.0]),
        (Register("kWh", 1000, 0.1, 3, 999.9), [100, 200, 0], [999.9, 0.0, 0.2, 0.2]),
        (Register("Gcal", 1_163_000, 0.001, 7, 0.0), [1_163, 2_326, 500], [0.0, 0.001, 0.003, 0.003]),
    ],
)
def test_a_register_shows_whole_steps_and_wraps(
    register: Register, hourly_wh: list[float], shown: list[float]
) -> None:
    assert register.shown(np.array(hourly_wh, dtype=float)).tolist() == shown


@given(
    st.lists(st.floats(0, 5_000_000), min_size=1, max_size=50),
    st.sampled_from([0.001, 0.01, 0.1, 1.0]),
    st.floats(0, 9_000),
)
def test_it_only_goes_back_where_it_rolls_over_and_loses_no_energy(
    hourly: list[float], resolution: float, start: float
) -> None:
    register = Register("kWh", 1000, resolution, 4, start)
    shown = register.shown(np.array(hourly))
    steps = np.diff(shown)
    rollovers = round((start + sum(hourly) / 1000 - shown[-1]) / 10**4)
    assert int((steps < 0).sum()) <= rollovers
    assert shown[-1] + 10**4 * rollovers == pytest.approx(start + sum(hourly) / 1000, abs=resolution + 1e-5)
