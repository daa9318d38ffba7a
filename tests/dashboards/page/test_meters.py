"""The meters of a house on the page: volumes beside energy, gauges, unknown parts, restatements, the balance."""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboards.page.serve import listen, serve_page
from ingest.captures import Capture
from kvartal.replay import replay
from metering.times import HOUR_MS, to_ms
from tests.sites import build_site, building, meter

START = dt.datetime(2026, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=3)))
NAME = "<script>document.title = 'taken'</script><b>ул.</b> & Ко"
SITE = build_site(
    building(
        meter("heat", name="Теплосчётчик"),
        meter("shop", name="Магазин", parent="heat"),
        meter("dhw", "hot_water", "m3", name="ГВС"),
        name=NAME,
    ),
    name="Один дом",
)


def at(hour: int) -> str:
    return (START + dt.timedelta(hours=hour)).isoformat()


def capture(meter: str, payload: dict[str, Any], received: int) -> Capture:
    return Capture(
        f"kvartal/v1/b01/{meter}/readings",
        json.dumps(payload).encode(),
        to_ms(START.astimezone(dt.UTC)) + received * HOUR_MS,
        False,
    )


def messages() -> Iterator[Capture]:
    """Ten days: hours 100..150 of the shop's meter are missing, and 26 h of the heat meter from its fourth day on come late."""
    hours = range(241)
    late = range(73, 99)
    heat = [[at(h), 100 + h / 10] for h in hours if h not in late]
    yield capture("heat", {"unit": "Gcal", "readings": heat}, 241)
    yield capture("heat", {"unit": "Gcal", "readings": [[at(h), 100 + h / 10] for h in late]}, 242)
    shop = [[at(h), 10 + h / 20] for h in hours if not 100 < h < 150]
    yield capture("shop", {"unit": "Gcal", "readings": shop}, 241)
    yield capture("dhw", {"unit": "m3", "readings": [[at(h), 500 + h / 4] for h in hours]}, 241)
    volume = {"quantity": "volume", "unit": "m3", "readings": [[at(h), 2.5 * h] for h in hours]}
    yield capture("heat", volume, 241)
    for quantity, level in (("supply_temperature", 70), ("return_temperature", 45)):
        shown = [[at(h), level + h % 3] for h in hours]
        yield capture("heat", {"quantity": quantity, "readings": shown}, 241)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = SITE
    db: Path = tmp_path_factory.mktemp("meters") / "kvartal.db"
    first, *others = messages()
    replay([first], site=site, db=db)
    replay(others, site=site, db=db)
    listening = listen("127.0.0.1", 0)
    stop = serve_page(listening, db, lambda: site, lang="ru", notice=lambda: {"site_file": "<i>refused</i>"})
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 390, "height": 844}, locale="ru-RU")
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def get(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        return json.load(answer)


def test_a_house_without_a_contract_is_listed_and_its_name_is_only_text(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".notice")).to_have_text("<i>refused</i>")
    page.get_by_role("link", name=NAME).click()
    expect(page.locator("h1")).to_contain_text(NAME)
    expect(page.locator("main script, main b >> text=/^ул/")).to_have_count(0)
    assert "taken" not in page.title().replace(NAME, "")


def test_volumes_stand_beside_energy(url: str) -> None:
    rows = {(m["meter"], m["quantity"]): m for m in get(url, "/api/buildings/b01")["meters"]}
    # 10 days of 0.1 Gcal, 2.5 m3 and 0.25 m3 an hour.
    assert (rows["heat", "energy"]["month"]["used"], rows["heat", "energy"]["unit"]) == ("24,000", "Гкал")
    assert (rows["heat", "volume"]["month"]["used"], rows["heat", "volume"]["unit"]) == ("600,00", "м³")
    assert (rows["dhw", "volume"]["month"]["used"], rows["dhw", "volume"]["what"]) == (
        "60,00",
        "горячая вода",
    )


def test_energy_known_only_in_total_is_shown_for_months_and_days(page: Page, url: str) -> None:
    (month,) = get(url, "/api/meters/b01/shop/energy")["months"]
    # 50 h of 0.05 Gcal between the readings at 100 h and 150 h.
    assert (month["unknown"], month["used"], month["days_missing"]) == ("2,500", "9,500", 3)
    page.goto(f"{url}/#/h/b01")
    shop = page.locator("#meters tr", has_text="Магазин")
    expect(shop).to_contain_text("9,500 Гкал")
    expect(shop).to_contain_text("и ещё только суммой 2,500 Гкал")
    page.goto(f"{url}/#/m/b01/shop/energy/2026-01")
    day = page.locator("main tbody tr", has=page.get_by_role("link", name="16.01.2026", exact=True))
    expect(day).to_contain_text("2,500 Гкал известно только суммой")
    expect(day).to_contain_text("по часам известно 0,200 Гкал")
    day.locator("a").click()
    expect(page.locator("#notes")).to_contain_text("известно только суммой")


def test_a_restatement_shows_old_new_cause_and_time(url: str) -> None:
    rows = get(url, "/api/buildings/b01")["restatements"]
    mine = [row for row in rows if row[2] == "15.01.2026"]
    late = "15.01.2026 01:00 – 16.01.2026 02:00"
    assert [row[3:6] for row in mine] == [
        ["неизвестно", "2,400\u202fГкал", f"пришло более позднее показание: {late}"]
    ]
    day = next(
        row
        for row in get(url, "/api/meters/b01/heat/energy/2026-01?lang=en")["rows"]
        if row["date"] == "2026-01-15"
    )
    notes = [note.replace("\u202f", " ") for note in day["restated"]]
    cause = "a later reading arrived: 2026-01-15 01:00 – 2026-01-16 02:00, 2026-01-22 02:00"
    assert f"restated: was not known, is 2.400 Gcal; {cause}" in notes
    assert f"known only in total: restated: was 2.700 Gcal, is 0.000 Gcal; {cause}" in notes


def test_temperatures_are_shown_by_day_and_by_hour(page: Page, url: str) -> None:
    supply, back = get(url, "/api/buildings/b01")["gauges"]
    assert (supply["what"], supply["low"], supply["high"]) == (
        "температура подачи",
        "70,0\u202f°C",
        "72,0\u202f°C",
    )
    assert back["coverage"] == "100\u202f%"
    page.goto(f"{url}/#/h/b01")
    page.locator("#gauges a").first.click()
    expect(page.locator("#gauges tbody tr")).to_have_count(24)
    expect(page.locator("#gauges thead")).to_contain_text("температура обратки, °C")


def test_the_balance_shows_the_difference_and_its_unknown_part(page: Page, url: str) -> None:
    page.goto(f"{url}/#/h/b01")
    # Seven days of 2.4 and 1.2 Gcal are known; the three others are known in total: 7.2 - 3.6.
    expect(page.locator("#balance")).to_contain_text("известны полностью 7 дн.")
    expect(page.locator("#balance")).to_contain_text("общий счётчик показал 16,800 Гкал")
    expect(page.locator("#balance")).to_contain_text("больше на 8,400 Гкал (50,0 %)")
    expect(page.locator("#balance")).to_contain_text(
        "Ещё 3 дн. известны только суммой: общий счётчик показал на 3,600 Гкал больше."
    )


@pytest.mark.parametrize("path", ["/#/h/b01", "/#/m/b01/heat/volume", "/#/m/b01/shop/energy/2026-01"])
def test_meters_fit_a_phone(page: Page, url: str, path: str) -> None:
    page.goto(url + path)
    page.reload()
    expect(page.locator("main tbody tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    hidden = (
        "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert page.evaluate(hidden) == 0
