"""The page in a real browser, over a store that the real pipeline filled."""

from __future__ import annotations

import base64
import datetime as dt
import json
import socket
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from dashboards.contract_view import view_of
from dashboards.page.serve import CannotServe, listen, serve_page
from dashboards.words.contract import lines
from kvartal.replay import replay
from kvartal.wiring import embedded
from metering.site.model import Site, parse_site
from simulators.quarter import Quarter
from storage.sqlite import Store
from storage.sqlite_reader import Reader


class Served(NamedTuple):
    url: str
    db: Path
    site: Site
    quarter: Quarter


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    quarter = Quarter(houses=2, seed=1)
    site = parse_site(quarter.site_toml())
    db = tmp_path_factory.mktemp("page") / "kvartal.db"
    replay(quarter.archives(), site=site, db=db)
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = serve_page(listening, db, lambda: site, lang="ru")
    yield Served(url, db, site, quarter)
    stop()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1200, "height": 900}, locale="ru-RU")
    errors: list[str] = []
    requested: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: requested.append(request.url))
    yield opened
    opened.close()
    assert errors == []
    assert all(url.startswith(served.url) for url in requested)


def test_the_portfolio_shows_what_each_house_saved(page: Page, served: Served) -> None:
    page.goto(served.url)
    rows = page.locator("table.portfolio tbody tr")
    expect(rows).to_have_count(3)
    expect(page.get_by_role("heading", level=1)).to_have_text("Квартал 137")
    first = page.locator('tr[data-contract="c-b01-heat"]')
    expect(first).to_contain_text("Белградская ул., 8")
    expect(first).to_contain_text("₽")
    expect(first).to_contain_text("%")
    expect(page.locator("main")).to_contain_text("получено")


def test_a_house_tells_its_story_and_a_day_opens_its_readings(page: Page, served: Served) -> None:
    page.goto(served.url)
    page.locator('tr[data-contract="c-b01-heat"] a').click()
    expect(page.locator("#story canvas")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Гкал")
    over = page.locator("#story .u-over")
    box = over.bounding_box()
    assert box is not None
    over.click(position={"x": box["width"] * 0.8, "y": box["height"] / 2})
    expect(page.locator("#readings tbody tr")).to_have_count(25)
    expect(page.locator("h1")).to_contain_text("2025")


def test_it_is_reached_by_keyboard(page: Page, served: Served) -> None:
    page.goto(served.url)
    link = page.locator('tr[data-contract="c-b02-light"] a')
    expect(link).to_be_visible()
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#story canvas")).to_be_visible()


def test_it_speaks_english_too(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/?lang=en")
    expect(page.locator("table.portfolio")).to_contain_text("Promised")
    page.get_by_role("button", name="Русский").click()
    expect(page.locator("table.portfolio")).to_contain_text("Обещано")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/#/c/c-b01-heat",
        "/#/c/c-b01-heat/2025-01",
        "/#/day/b01/heat/739200",
        "/#/h/b01",
        "/#/m/b01/heat/energy",
        "/#/m/b01/heat/energy/2025-01",
        "/#/alerts",
        "/#/accounting",
        "/#/rulings",
    ],
)
def test_nothing_overflows_on_a_phone(browser: Browser, served: Served, path: str) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True)
    phone.goto(served.url + path)
    phone.wait_for_selector("main h1")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    hidden = (
        "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert phone.evaluate(hidden) == 0
    phone.close()


def test_it_updates_live(page: Page, served: Served) -> None:
    page.goto(served.url)
    expect(page.locator("#live")).to_have_class("on")
    line = page.locator("main > p.hint").last
    before = line.inner_text()
    store = Store(served.db)
    embedded(served.site, store).take(list(served.quarter.live())[:50])
    store.close()
    expect(line).not_to_have_text(before)


def test_rejections_findings_and_payloads_are_shown(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/#/accounting")
    expect(page.locator("h1")).to_be_visible()
    accounts = get(served.url, "/api/accounting")
    assert accounts["rejected"]
    assert accounts["findings"]
    for row in accounts["rejected"]:
        expect(page.locator("main")).to_contain_text(row["reason_text"])
        expect(page.locator("main")).to_contain_text(row["payload"])
    for row in accounts["findings"]:
        expect(page.locator("main")).to_contain_text(row[2])
    with urllib.request.urlopen(
        f"{served.url}/api/rejected/{accounts['rejected'][0]['id']}", timeout=10
    ) as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_needs_action_is_seen_without_scrolling(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(served.url)
    expect(page.locator(".summary .lead")).to_contain_text("₽")
    expect(page.locator(".summary .lead")).to_contain_text("с вероятностью 90 %")
    alerts = get(served.url, "/api/portfolio")["alerts"]
    assert alerts
    for shown, alert in zip(page.locator(".attention .alert").all(), alerts, strict=True):
        expect(shown).to_contain_text(alert["text"])
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800


def test_every_alert_has_a_place(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/#/alerts")
    alerts = get(served.url, "/api/alerts")
    assert alerts["open"]
    expect(page.locator(".alert")).to_have_count(len(alerts["open"]) + len(alerts["resolved"]))


def test_a_contract_says_what_it_comes_to(page: Page, served: Served) -> None:
    contract = served.site.contracts["c-b01-heat"]
    reader = Reader(served.db)
    view = view_of(reader, served.site, contract)
    reader.close()
    page.goto(f"{served.url}/#/c/c-b01-heat")
    texts = dict(lines(view, served.site, "ru"))
    for label in ("В типичный год, 90 %", "Простая окупаемость", "Формула договора", "Изменение год от года"):
        expect(page.locator("#terms div", has_text=label)).to_contain_text(texts[label])
    page.goto(f"{served.url}/#/c/c-b02-light")
    expect(page.locator("#terms")).to_contain_text("градусо-сутки — только для тепла")


def test_a_change_of_use_waits_for_a_decision(browser: Browser, served: Served, tmp_path: Path) -> None:
    """The sensors of an entrance fail for good: nothing is adjusted until somebody decides."""
    db = tmp_path / "k.db"
    with sqlite3.connect(served.db) as whole, sqlite3.connect(db) as copied:
        whole.backup(copied)
    reader = Reader(db)
    days = reader.savings("c-b02-light", 1, 999_999)
    reader.close()
    store = Store(db)
    late = days[len(days) // 2 :]
    store.write([msgspec.structs.replace(day, used=2 * day.expected, received_at=1) for day in late])
    store.close()
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = serve_page(listening, db, lambda: served.site, lang="ru")
    page = browser.new_page(locale="ru-RU")
    try:
        page.goto(f"{url}/#/c/c-b02-light")
        expect(page.locator("#changes li").first).to_contain_text("замечено")
        changes = get(url, "/api/contracts/c-b02-light")["changes"]
        assert changes
        expect(page.locator("#changes li")).to_have_text(changes)
    finally:
        page.close()
        stop()


def test_the_picture_shows_the_figures_that_were_settled(served: Served) -> None:
    contract = served.site.contracts["c-b01-heat"]
    reader = Reader(served.db)
    figures = reader.savings(contract.id, 0, dt.date.max.toordinal())
    reader.close()
    story = get(served.url, f"/api/contracts/{contract.id}")
    drawn = dict(zip(story["dates"], zip(story["expected"], story["used"], strict=True), strict=True))
    assert len(figures) > 300
    for day in figures:
        expected, used = drawn[day.date]
        assert expected == pytest.approx(day.expected / 1_163_000, abs=1e-4)
        assert used == pytest.approx(day.used / 1_163_000, abs=1e-4)
    # The fortnight without hot water in summer is no saving, so nothing is expected of it.
    assert story["quality"]["outages"] == 14
    since = contract.reporting.from_.toordinal()
    none = [date for date in story["dates"] if date >= since and drawn[date][0] is None]
    assert len(none) == 14


def test_a_month_of_a_contract_shows_its_days(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/#/c/c-b01-heat/2025-01")
    expect(page.locator("h1")).to_have_text("Белградская ул., 8, январь 2025")
    expect(page.locator("main tbody tr")).to_have_count(31)


def test_a_browser_that_has_the_figures_is_told_so_until_they_change(served: Served) -> None:
    current = [served.site]
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = serve_page(listening, served.db, lambda: current[0], lang="ru")

    def status(tag: str) -> int:
        request = urllib.request.Request(f"{url}/api/portfolio", headers={"If-None-Match": tag})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    try:
        with urllib.request.urlopen(f"{url}/api/portfolio", timeout=10) as answer:
            tag = answer.headers["ETag"]
        assert status(tag) == 304
        current[0] = served.site.model_copy()
        assert status(tag) == 200
    finally:
        stop()


@pytest.mark.parametrize("path", ["/", "/api/portfolio", "/static/page.js", "/api/nothing"])
def test_every_answer_tells_the_browser_what_it_may_do(served: Served, path: str) -> None:
    try:
        with urllib.request.urlopen(served.url + path, timeout=10) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
        error.close()
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def get(url: str, path: str, **headers: str) -> Any:
    request = urllib.request.Request(url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_baseline_behind_a_figure_can_be_had(served: Served) -> None:
    document = get(served.url, "/api/contracts/c-b01-heat/baseline")
    assert document["model"]
    assert document["first"] == "2023-10-01"


@pytest.mark.parametrize(
    "path",
    [
        "/api/contracts/nothing",
        "/api/days/b01/nothing/739200",
        "/api/days/b01/heat/739200/happiness",
        "/api/days/b01/heat/1",
        "/api/buildings/nothing",
        "/api/meters/b01/heat/flow",
        "/api/contracts/c-b01-heat/months/0001-01",
        "/api/rejected/99999999",
        "/api/nothing",
    ],
)
def test_what_is_not_there_is_404(served: Served, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        get(served.url, path)
    raised.value.close()
    assert raised.value.code == 404


def test_beyond_loopback_it_wants_a_password(served: Served) -> None:
    with pytest.raises(CannotServe, match="KVARTAL_HTTP_PASSWORD"):
        listen("0.0.0.0", 0)
    listening = listen("127.0.0.1", 0, password="right")
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = serve_page(listening, served.db, lambda: served.site, lang="ru", password="right")
    try:
        for given, status in (("", 401), ("wrong", 401), ("right", 200)):
            token = base64.b64encode(f"me:{given}".encode()).decode()
            try:
                get(url, "/api/portfolio", Authorization=f"Basic {token}")
                seen = 200
            except urllib.error.HTTPError as error:
                seen = error.code
                error.close()
            assert seen == status
        for path in ("/", "/static/page.js", "/api/health", "/events"):
            with pytest.raises(urllib.error.HTTPError) as raised:
                get(url, path)
            raised.value.close()
            assert raised.value.code == 401
            assert raised.value.headers["X-Content-Type-Options"] == "nosniff"
    finally:
        stop()


def test_a_port_in_use_is_an_error_with_its_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe, match=str(port)):
            listen("127.0.0.1", port)


def test_health_says_what_is_ill(served: Served) -> None:
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    well = threading.Event()
    stop = serve_page(
        listening, served.db, lambda: served.site, lang="ru", health=lambda: {"broker": well.is_set()}
    )
    try:
        with pytest.raises(urllib.error.HTTPError) as raised:
            get(url, "/api/health")
        assert raised.value.code == 503
        raised.value.close()
        well.set()
        assert get(url, "/api/health") == {"broker": True}
    finally:
        stop()
