"""Publishing to a real broker: everything is acknowledged, also over a broker that goes away for a while."""

import threading
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.captures import Capture
from ingest.mosquitto import Mosquitto
from simulators.publish import Publisher
from simulators.quarter import Quarter


class Listener:
    """Hears everything under a topic, in a persistent session."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: list[tuple[str, bytes]] = []
        subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False, protocol=mqtt.MQTTv311
        )
        self._client.on_message = lambda _c, _u, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self._client.on_connect = lambda client, *_: client.subscribe("kvartal/#", qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def wait_for(self, messages: int) -> None:
        deadline = time.monotonic() + 20
        while len(set(self.heard)) < messages and time.monotonic() < deadline:
            time.sleep(0.01)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def captures(count: int) -> list[Capture]:
    return [Capture(f"kvartal/v1/b{i % 7:02d}/heat/readings", b'{"n": %d}' % i, i) for i in range(count)]


def test_every_message_arrives_once_in_order_and_is_acknowledged(mosquitto: Mosquitto) -> None:
    listener, publisher = Listener(mosquitto), Publisher(host=mosquitto.host, port=mosquitto.port)
    seen: list[Capture] = []
    sent = captures(1500)
    assert publisher.publish(iter(sent), before=seen.append) == 1500
    assert publisher.acknowledged == 1500
    assert seen == sent
    listener.wait_for(1500)
    publisher.close()
    listener.close()
    assert listener.heard == [(capture.topic, capture.payload) for capture in sent]


def test_it_stops_when_asked_and_can_go_on(mosquitto: Mosquitto) -> None:
    publisher = Publisher(host=mosquitto.host, port=mosquitto.port)
    asked = iter(range(10**6))
    assert publisher.publish(captures(500), stop=lambda: next(asked) >= 40) == 40
    assert publisher.publish(captures(5)) == 5
    assert publisher.acknowledged == 45
    publisher.close()


def test_a_broker_that_restarts_gets_what_it_had_not_acknowledged(mosquitto: Mosquitto) -> None:
    publisher = Publisher(host=mosquitto.host, port=mosquitto.port, window=50)
    restarted = threading.Event()

    def before(capture: Capture) -> None:
        if capture.received_at == 300 and not restarted.is_set():
            restarted.set()
            mosquitto.stop()
            mosquitto.start()

    assert publisher.publish(captures(600), before=before) == 600
    assert restarted.is_set()
    assert publisher.acknowledged == 600
    publisher.close()


def test_no_broker_is_an_error_at_once(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    with pytest.raises(ConnectionRefusedError):
        Publisher(host=mosquitto.host, port=mosquitto.port)


def test_a_small_quarter_goes_over_the_wire_unchanged(mosquitto: Mosquitto) -> None:
    listener, publisher = Listener(mosquitto), Publisher(host=mosquitto.host, port=mosquitto.port)
    archives = list(Quarter(houses=1, seed=5).archives())
    publisher.publish(archives)
    listener.wait_for(len({(capture.topic, capture.payload) for capture in archives}))
    publisher.close()
    listener.close()
    assert listener.heard == [(capture.topic, capture.payload) for capture in archives]
