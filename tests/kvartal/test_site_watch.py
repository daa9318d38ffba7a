"""The site file while a service runs: what is handed over, what is refused, and in which words."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

import pytest

from kvartal.files import read_site
from kvartal.site_watch import SiteWatch, difference, needs_restart
from metering.site.model import parse_site
from tests.sites import building, meter, site_text, source

SITE = site_text(
    source("k/{building}/{meter}"),
    building(meter()),
    timezone="Europe/Moscow",
)
METER = """
  [[building.meter]]
  id = "el"
  carrier = "electricity"
  unit = "kWh"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def watching(file: Path) -> SiteWatch:
    watch = SiteWatch(file, read_site(file), settle_s=0.0)
    watch.look()
    assert watch.take() is None
    assert watch.notice() == {}
    return watch


def test_a_changed_site_is_handed_over_once(file: Path) -> None:
    watch = watching(file)
    file.write_text(SITE + METER, encoding="utf-8")
    watch.look()
    watch.look()
    newer = watch.take()
    assert newer is not None
    assert ("b01", "el") in newer.meters
    assert watch.take() is None
    file.write_text("# written differently\n" + SITE + METER, encoding="utf-8")
    watch.look()
    assert watch.take() is None, "a comment is no change"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SITE + "[[building", "not TOML"),
        (SITE + METER.replace("electricity", "steam"), "steam"),
        (SITE.replace('id = "t"', 'id = "u"'), "site.id: 't' became 'u'.* a restart is needed"),
        (SITE.replace("Europe/Moscow", "Asia/Omsk"), "site.timezone: .*Omsk.* a restart is needed"),
        (SITE.replace("[[source]]", "").replace('topic = "k/{building}/{meter}"', ""), "no .*source"),
        (SITE.replace("[[building]]", 'format = "carrier-pigeon"\n[[building]]'), "carrier-pigeon"),
        (None, "no such file"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_once_and_the_old_site_stays(
    file: Path, text: str | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watching(file)
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")
    with caplog.at_level(logging.ERROR, "kvartal.site"):
        watch.look()
        file.touch()
        if text is not None:
            watch.look()
    assert watch.take() is None
    (message,) = caplog.messages
    assert "site file refused" in message
    (noticed,) = watch.notice().values()
    for where in (message, noticed):
        assert re.search(words, where), where

    file.write_text(SITE, encoding="utf-8")
    watch.look()
    assert watch.notice() == {}
    assert watch.take() is None, "the site in force is what the file says again"


def test_the_thread_looks_by_itself_and_a_half_written_file_is_not_read(file: Path) -> None:
    watch, pause = SiteWatch(file, read_site(file), every_s=0.02, settle_s=0.2), threading.Event()
    watch.start()
    try:
        with file.open("w", encoding="utf-8") as out:
            for line in (SITE + METER).splitlines(keepends=True):
                out.write(line)
                out.flush()
                pause.wait(0.02)
        newer = None
        for _ in range(500):
            newer = watch.take()
            if newer is not None:
                break
            pause.wait(0.02)
    finally:
        watch.stop()
    assert newer == parse_site(SITE + METER)
    assert watch.refused is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (SITE + METER, "meter +1"),
        (SITE.replace('unit = "Gcal"', 'unit = "GJ"'), "meter ~1"),
        (SITE.replace('"b01"', '"b02"'), "building +1 -1, meter +1 -1"),
        (SITE.replace("k/{", "other/{"), "source +1 -1"),
        (SITE.replace("[[source]]", "lateness_days = 50\n[[source]]"), "other settings"),
    ],
)
def test_what_changed_is_said_in_a_line(changed: str, expected: str) -> None:
    old, new = parse_site(SITE), parse_site(changed)
    assert difference(old, new) == expected
    assert needs_restart(old, new) == ""
