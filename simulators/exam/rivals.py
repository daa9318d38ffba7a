"""Other judges for the same houses: the textbook, and opendsm if it is installed.

They see what Kvartal sees, days of use and temperature, and claim a saving with the 90 % interval of their
own authors. opendsm is not a dependency: `pip install opendsm "multimethod<2"` brings it.
"""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import math
import warnings
from typing import Any, Final

import numpy as np
from scipy.special import stdtrit

from metering.savings.assess import DAYS_PER_MONTH
from simulators.exam.houses import Examined
from simulators.exam.sit import Claim, Judge
from simulators.weather import Floats

_STEP_K: Final = 0.5
_RHO_LIMIT: Final = 0.5
"""Below this correlation nmecr treats every day as independent (its reading of ASHRAE G14-2014, page 91)."""


def textbook(house: Examined) -> Claim | None:
    """The 3-parameter model of the day's own temperature with the interval of ASHRAE G14-2014, as nmecr writes it.

    Balance point on a grid of 0.5 K by least squares (Kissock, Haberl and Claridge 2003); the mean if use does
    not fall with temperature. Fractional savings uncertainty of Reddy and Claridge 2000 with the daily
    polynomial of Sun and Baltazar 2013.
    """
    dates, used, temps = _days(house, house.baseline.first, house.baseline.last)
    if len(used) < 30:
        return None
    best, line = math.inf, (float(used.mean()), 0.0, 0.0)
    coldest, warmest = np.percentile(temps, (3, 97))
    for balance in np.arange(float(coldest), float(warmest), _STEP_K):
        below = np.maximum(balance - temps, 0.0)
        slope, base = np.polyfit(below, used, 1)
        squares = float(((used - base - slope * below) ** 2).sum())
        if slope > 0 and squares < best:
            best, line = squares, (float(base), float(slope), float(balance))
    base, slope, balance = line
    k = 3 if slope > 0 else 1
    residual = used - base - slope * np.maximum(balance - temps, 0.0)
    next_to = np.flatnonzero(np.diff(dates) == 1)
    rho = float(np.corrcoef(residual[next_to], residual[next_to + 1])[0, 1])
    n = len(used)
    noise = math.sqrt(float(residual @ residual) / (n - k)) / float(used.mean())
    independent = n * (1 - rho) / (1 + rho) if rho >= _RHO_LIMIT else float(n)
    _, now, temps = _days(house, house.reporting.first, house.reporting.last)
    expected = float((base + slope * np.maximum(balance - temps, 0.0)).sum())
    months = len(now) / DAYS_PER_MONTH
    factor = -0.00024 * months**2 + 0.03535 * months + 1.00286
    width = (
        float(stdtrit(max(independent - k, 1.0), 0.95))
        * factor
        * noise
        * math.sqrt(n / independent * (1 + 2 / independent) / len(now))
    )
    share = 1 - float(now.sum()) / expected
    return Claim(share, share - width, share + width, noise, rho)


def _days(house: Examined, first: int, last: int) -> tuple[Floats, Floats, Floats]:
    """Dates, use and temperatures of the days that have both [d, Wh, °C]."""
    complete = [d for d in range(first, last + 1) if d in house.days.used and d in house.days.temps_mc]
    used = np.array([house.days.used[d] for d in complete], dtype=np.float64)
    temps = np.array([house.days.temps_mc[d] for d in complete], dtype=np.float64) / 1000
    return np.array(complete, dtype=np.float64), used, temps


class NoOpendsm(ImportError):
    """opendsm is not installed, or cannot be imported; the text says what to do."""


def opendsm(*, splits: bool) -> Judge:
    """opendsm's daily model (the CalTRACK successor of eemeter).

    Its interval of a total is the daily uncertainties added in quadrature, as its documentation does.

    Args:
        splits: Its default splits the year by season and weekday; False switches the splits off.

    Raises:
        NoOpendsm: opendsm is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eemeter = importlib.import_module("opendsm.eemeter")
            pandas = importlib.import_module("pandas")
    except (ImportError, TypeError) as error:
        raise NoOpendsm(
            f"opendsm cannot be imported ({error}); install it with: pip install opendsm 'multimethod<2'"
        ) from None
    logging.getLogger("eemeter").setLevel(logging.ERROR)  # it warns of every daily table
    settings: dict[str, Any] = {}
    if not splits:
        settings = {
            "settings": {
                "developer_mode": True,
                "silent_developer_mode": True,
                "split_selection": {
                    "allow_separate_summer": False,
                    "allow_separate_shoulder": False,
                    "allow_separate_winter": False,
                    "allow_separate_weekday_weekend": False,
                },
            }
        }

    def frame(house: Examined, first: int, last: int) -> Any:
        index = pandas.date_range(
            dt.date.fromordinal(first), dt.date.fromordinal(last), freq="D", tz="Europe/Moscow"
        )
        dates = range(first, last + 1)
        temps = [house.days.temps_mc.get(d) for d in dates]
        return pandas.DataFrame(
            {
                "observed": [house.days.used.get(d, math.nan) / 1000 for d in dates],
                "temperature": [math.nan if t is None else t / 1000 * 9 / 5 + 32 for t in temps],
            },
            index=index,
        )

    def judge(house: Examined) -> Claim | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # It takes 329 to 366 days of baseline: the newest year.
            newest = max(house.baseline.first, house.baseline.last - 364)
            electric = not house.traits.heats
            before = eemeter.DailyBaselineData(
                frame(house, newest, house.baseline.last), is_electricity_data=electric
            )
            after = eemeter.DailyReportingData(
                frame(house, house.reporting.first, house.reporting.last), is_electricity_data=electric
            )
            model = eemeter.DailyModel(**settings).fit(before, ignore_disqualification=True)
            predicted = model.predict(after, ignore_disqualification=True)
        both = predicted.dropna(subset=["observed", "predicted"])
        expected, used = float(both["predicted"].sum()), float(both["observed"].sum())
        width = math.sqrt(float((both["predicted_unc"] ** 2).sum())) / expected
        share = 1 - used / expected
        fitted = model.baseline_metrics
        return Claim(share, share - width, share + width, float(fitted.cvrmse), math.nan)

    return judge
