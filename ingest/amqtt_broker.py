"""A broker of last resort, in this process: amqtt, for a demo where no mosquitto can be had.

amqtt loses what was not acknowledged when a consumer comes back (Yakifo/amqtt#401), so law 4 (docs/laws.md) does
not hold with it, and its users are told so.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import threading
from typing import Any, Final

from ingest.broker import NoBroker, check_free, free_port

WARNING: Final = (
    "no mosquitto was found: amqtt serves as the broker, and readings that are under way when Kvartal or the "
    "broker stops are lost. Good enough for a demo; install mosquitto for anything real"
)


def installed() -> bool:
    """Whether the optional package is here (`pip install kvartal[amqtt]`)."""
    return importlib.util.find_spec("amqtt") is not None


class Amqtt:
    """amqtt in a thread with an event loop of its own."""

    warning = WARNING

    def __init__(self, *, port: int | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = port if port is not None else free_port()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._broker: Any = None

    def start(self, timeout_s: float = 10.0) -> None:
        """Start it; it accepts connections when this returns.

        Raises:
            NoBroker: its port is taken, or it did not come up.
        """
        check_free(self.host, self.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="amqtt", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(timeout_s)
        except Exception as error:
            self.stop()
            raise NoBroker(f"amqtt did not come up on port {self.port}: {error!r}") from error

    def save(self) -> None:
        """Nothing to save: amqtt keeps its sessions in memory."""

    def stop(self) -> None:
        """End it; its sessions go with it."""
        if self._loop is None or self._thread is None:
            return
        if self._broker is not None:
            asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(10)
            self._broker = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._loop = self._thread = None

    async def _serve(self) -> None:
        from amqtt.broker import Broker

        # It reports every connection and, on a clean disconnect, errors that are none.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.WARNING)
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{self.host}:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            },
            loop=asyncio.get_running_loop(),
        )
        await broker.start()
        self._broker = broker
