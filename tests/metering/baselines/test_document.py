"""Baselines: chosen, frozen, read back, and true to their own days."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from metering.baselines.document import BadDocument, Baseline
from metering.baselines.fit import NoUse, TooCoarse, TooFewDays, Unfit, fit
from metering.baselines.models import MODELS, candidates
from tests.places import DATA

FIRST = dt.date(2024, 10, 1).toordinal()


def a_year(seed=1, *, base=3_000_000, heating=600_000, balance=16.0, weight=0.6, noise=0.05, n=365):
    """A house of known parameters: (dates, use [Wh], temperatures [m°C], temperatures of the day before)."""
    rng = np.random.default_rng(seed)
    season = 5.5 - 13.0 * np.cos(2 * np.pi * (np.arange(n + 1) + 258) / 365.25)
    weather = np.zeros(n + 1)
    for day in range(1, n + 1):
        weather[day] = 0.75 * weather[day - 1] + rng.normal(0, 3.0)
    temps = np.rint(1000 * (season + weather)).astype(int)
    t = (weight * temps[1:] + (1 - weight) * temps[:-1]) / 1000
    use = (base + heating * np.maximum(balance - t, 0)) * (1 + noise * rng.standard_normal(n))
    return (
        list(range(FIRST, FIRST + n)),
        [round(x) for x in use],
        temps[1:].tolist(),
        temps[:-1].tolist(),
    )


def fitted(house, **more):
    dates, used, temps, before = house
    return fit(
        dates=dates,
        used=used,
        temps_mc=temps,
        temps_before_mc=before,
        first=FIRST,
        last=FIRST + 364,
        **more,
    )


@pytest.mark.parametrize("weight", [1.0, 0.8, 0.6, 0.4])
def test_the_parameters_of_a_house_are_found(weight):
    baseline = fitted(a_year(weight=weight, noise=0.02))
    assert baseline.model == "heating_3p"
    assert baseline.parameters["lag_weight"] == weight
    assert baseline.parameters["balance_c"] == pytest.approx(16.0, abs=0.5)
    assert baseline.parameters["heating"] == pytest.approx(600_000, rel=0.03)
    assert baseline.parameters["base"] == pytest.approx(3_000_000, rel=0.03)


def test_a_load_without_weather_gets_the_mean():
    dates, _, temps, before = a_year()
    rng = np.random.default_rng(5)
    used = [round(x) for x in rng.normal(50_000, 4_000, 365)]
    baseline = fit(
        dates=dates, used=used, temps_mc=temps, temps_before_mc=before, first=FIRST, last=FIRST + 364
    )
    assert baseline.model == "mean"
    assert not baseline.needs_weather
    assert baseline.expected(None) == baseline.expected(-20_000) == pytest.approx(50_000, rel=0.01)


@pytest.mark.parametrize(("carrier", "model"), [("heat", "mean"), ("electricity", "cooling_3p")])
def test_more_use_on_warm_days_is_cooling_where_that_can_be(carrier, model):
    dates, _, temps, before = a_year()
    used = [100_000 + 5 * max(t, 12_000) for t in temps]
    assert fitted((dates, used, temps, before), models=candidates(carrier)).model == model


def test_the_document_is_the_baseline():
    baseline = fitted(a_year())
    held = json.loads(baseline.document)
    assert Baseline.from_document(baseline.document) == baseline
    assert baseline.id == hashlib.sha256(baseline.document).hexdigest()[:16]
    assert (
        json.dumps(held, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        == baseline.document
    )
    assert held["first"] == "2024-10-01"
    assert held["last"] == "2025-09-30"
    # By hand, from nothing but the document.
    p = held["parameters"]
    for temp, before in [(-20_000, -15_500), (0, 3_210), (14_999, 18_000), (25_000, 25_000)]:
        t = p["lag_weight"] * temp / 1000 + (1 - p["lag_weight"]) * before / 1000
        assert baseline.expected(temp, before) == pytest.approx(
            p["base"] + p["heating"] * max(p["balance_c"] - t, 0), abs=0.51
        )


class Frozen(msgspec.Struct):
    """A document frozen by an earlier version, with expected uses that it gave then."""

    id: str
    days: list[tuple[int, int, int, bool | None, int]]
    """(date, temperature [m°C], that of the day before, heated, expected use)."""
    document: msgspec.Raw


FROZEN = [
    msgspec.json.decode(line, type=Frozen)
    for line in (DATA / "frozen_baselines.jsonl").read_bytes().splitlines()
]


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda frozen: frozen.id)
def test_documents_of_an_earlier_version_keep_their_bytes_and_figures(frozen):
    baseline = Baseline.from_document(bytes(frozen.document))
    assert baseline.id == frozen.id
    written = replace(baseline).document  # a copy has no bytes to keep: it writes them
    assert written == bytes(frozen.document)
    for date, temp, before, heated, expected in frozen.days:
        assert baseline.expected(temp, before, heated=heated, date=date) == expected


def test_formulas_are_those_of_earlier_versions():
    for frozen in FROZEN:
        baseline = Baseline.from_document(bytes(frozen.document))
        assert baseline.formula == baseline.form.formula


def test_earlier_documents_are_of_every_kind():
    baselines = [Baseline.from_document(bytes(frozen.document)) for frozen in FROZEN]
    assert {each.model.removesuffix("_week") for each in baselines} == {
        name.removesuffix("_week") for name in MODELS
    }
    assert {each.resolution for each in baselines} == {"day", "month"}
    assert any(each.prior for each in baselines)
    assert any(each.outages for each in baselines)
    assert any(each.left_out for each in baselines)
    assert {each.between_years.years for each in baselines} == {1, 3}


def test_bytes_that_were_read_are_kept_even_if_they_are_not_canonical():
    document = json.dumps(json.loads(fitted(a_year()).document), indent=1).encode()
    baseline = Baseline.from_document(document)
    assert baseline.document == document
    assert baseline.id == hashlib.sha256(document).hexdigest()[:16]


def changed(**fields):
    """A good document with other fields; `...` leaves a field out."""
    content = json.loads(fitted(a_year()).document) | fields
    return json.dumps({name: value for name, value in content.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"format": "kvartal-baseline/2"}, "format 'kvartal-baseline/2'; known is 'kvartal-baseline/1'"),
        ({"model": "magic"}, "baseline model 'magic'; known are mean, heating_2p, .*"),
        ({"model": ...}, "not a baseline document: .* `model`"),
        ({"days": "many"}, r"not a baseline document: Expected `int`, got `str` - at `\$.days`"),
        ({"metrics": {}}, r"not a baseline document: .* `mean` - at `\$.metrics`"),
        ({"parameters": {"base": 1.0}}, r"not a baseline document: .* `heating` - at `\$.parameters`"),
        ({"first": "yesterday"}, r"not a baseline document: .* - at `\$.first`"),
    ],
)
def test_what_is_wrong_with_a_document_is_named(fields, says):
    with pytest.raises(BadDocument, match=says):
        Baseline.from_document(changed(**fields))


def test_the_same_days_give_the_same_document():
    assert fitted(a_year()).document == fitted(a_year()).document


def test_facts_are_hashed_into_the_document():
    house = a_year()
    other = (house[0], [house[1][0] + 1, house[1][1] - 1, *house[1][2:]], house[2], house[3])
    assert json.loads(fitted(house).document)["facts"] != json.loads(fitted(other).document)["facts"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "not a baseline document"),
        (b"{}", "not a baseline document"),
        (b'{"format":"kvartal-baseline/999"}', "kvartal-baseline/999"),
        (b'{"format":"kvartal-baseline/1","model":"magic"}', "magic"),
    ],
)
def test_other_bytes_are_no_baseline(document, says):
    with pytest.raises(BadDocument, match=says):
        Baseline.from_document(document)


def test_a_month_is_the_least():
    house = tuple(each[:29] for each in a_year())
    with pytest.raises(TooFewDays, match=r"29 days .* at least 30"):
        fitted(house)


def test_no_use_is_no_baseline():
    dates, _, temps, before = a_year()
    with pytest.raises(NoUse, match="0 Wh over 365 days"):
        fitted((dates, [0] * 365, temps, before))


def test_too_few_units_a_day_are_refused_not_hidden():
    dates, _, temps, before = a_year()
    with pytest.raises(TooCoarse, match="too little"):
        fitted((dates, [0, 1] * 182 + [0], temps, before))


def test_days_without_a_temperature_are_not_fitted_on():
    dates, used, temps, before = a_year()
    temps = [None if i % 10 == 0 else t for i, t in enumerate(temps)]
    baseline = fitted((dates, used, temps, before))
    assert baseline.model == "heating_3p"
    assert baseline.n == 365 - 37
    assert abs(baseline.metrics.self_bias) <= 0.0005


def test_without_any_weather_the_mean_is_all_there_is():
    dates, used, _, _ = a_year()
    assert fitted((dates, used, [None] * 365, [None] * 365)).model == "mean"


def test_one_impossible_day_is_left_out_and_named():
    dates, used, temps, before = a_year()
    clean = fitted((dates, used, temps, before))
    spoilt = list(used)
    spoilt[200] *= 40
    baseline = fitted((dates, spoilt, temps, before))
    assert json.loads(baseline.document)["left_out"] == [dt.date.fromordinal(dates[200]).isoformat()]
    assert baseline.expected(-10_000, -10_000) == pytest.approx(clean.expected(-10_000, -10_000), rel=0.002)


def test_odd_days_do_not_bend_the_line_but_stay_in_the_total():
    dates, used, temps, before = a_year(noise=0.02)
    holidays = range(90, 104)
    low = [round(0.4 * u) if i in holidays else u for i, u in enumerate(used)]
    clean, robust = fitted((dates, used, temps, before)), fitted((dates, low, temps, before))
    assert robust.parameters["heating"] == pytest.approx(clean.parameters["heating"], rel=0.01)
    expected = int(robust.expected_days(np.array(temps), np.array(before)).sum())
    assert expected == pytest.approx(sum(low), rel=1e-6)


def test_the_day_before_may_be_unknown():
    baseline = fitted(a_year())
    assert baseline.expected(-7_123, None) == baseline.expected(-7_123, -7_123)


def test_weather_beyond_the_fitted_range_is_marked():
    baseline = fitted(a_year())
    assert not baseline.extrapolated(0, 0)
    assert baseline.extrapolated(-45_000, -45_000)
    assert baseline.extrapolated(45_000, 45_000)
    assert not baseline.extrapolated(None)


houses = st.builds(
    a_year,
    seed=st.integers(0, 2**31),
    base=st.sampled_from([0, 500, 40_000, 3_000_000]),
    heating=st.sampled_from([50, 3_000, 600_000]),
    balance=st.floats(5, 22),
    weight=st.floats(0.3, 1.0),
    noise=st.floats(0, 0.6),
)


@settings(max_examples=40, deadline=None)
@given(house=houses)
def test_scalar_and_vector_agree_and_colder_is_never_cheaper(house):
    baseline = fitted(house, models=candidates("heat"))
    again = Baseline.from_document(baseline.document)
    _, _, temps, before = house
    many = again.expected_days(np.array(temps), np.array(before)).tolist()
    assert many == [again.expected(t, b) for t, b in zip(temps, before, strict=True)]
    ladder = [again.expected(t, t) for t in range(-40_000, 40_000, 250)]
    assert ladder == sorted(ladder, reverse=True)


rows = st.lists(
    st.tuples(
        st.integers(0, 50_000_000),
        st.one_of(st.none(), st.integers(-40_000, 40_000)),
        st.booleans(),
    ),
    min_size=30,
    max_size=120,
)


@st.composite
def seasonal_rows(draw):
    """Half a year of a house with a step in the middle, so that the models with a season are met too."""
    step = draw(st.integers(0, 20_000_000))
    noise = draw(st.lists(st.integers(0, 4_000_000), min_size=180, max_size=180))
    swing = draw(st.integers(4_000, 15_000))
    temps = [8_000 + round(swing * math.cos(i / 57)) for i in range(180)]
    return [(noise[i] + 3_000_000 + (step if temps[i] < 8_000 else 0), temps[i], True) for i in range(180)]


@settings(max_examples=150, deadline=None)
@given(data=st.one_of(rows, seasonal_rows()), everything=st.booleans())
def test_every_baseline_reproduces_the_total_of_its_days(data, everything):
    """Law 5 on arbitrary series, through the serialised document."""
    dates = [FIRST + i for i in range(len(data)) if data[i][2] or len(data) < 60]
    used = [data[d - FIRST][0] for d in dates]
    temps = [data[d - FIRST][1] for d in dates]
    before = [data[d - FIRST - 1][1] if d > FIRST else None for d in dates]
    temp_of = {FIRST + i: row[1] for i, row in enumerate(data)}.get
    more = {"temp_of": temp_of, "latitude": 59.9, "calendar": "ru_school"} if everything else {}
    try:
        made = fit(
            dates=dates,
            used=used,
            temps_mc=temps,
            temps_before_mc=before,
            first=FIRST,
            last=FIRST + len(data) - 1,
            **more,
        )
    except Unfit:
        return
    baseline = Baseline.from_document(made.document)
    out = {*baseline.left_out, *baseline.outages}
    weather = sum(t is not None for t in temps) >= max(30, len(dates) / 2)
    days = [
        (u, d, t, b)
        for d, u, t, b in zip(dates, used, temps, before, strict=True)
        if d not in out and (t is not None or not weather)
    ]
    assert len(days) == baseline.n
    total = sum(u for u, _, _, _ in days)
    expected = sum(baseline.expected(t, b, heated=baseline.heated(d, temp_of), date=d) for _, d, t, b in days)
    assert abs(expected / total - 1) <= 0.0005
    assert abs(baseline.metrics.self_bias) <= 0.0005
