"""Serving the page from a separate thread."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn

from dashboards.page.app import create_app
from dashboards.words.lang import Lang
from metering.refusal import Refusal
from metering.site.model import Site


class CannotServe(Refusal):
    """The page cannot be served at this address; the text names the cause."""


def listen(host: str, port: int, *, password: str | None = None) -> socket.socket:
    """A socket for the page; opened first, so that a taken port stops the start.

    Raises:
        CannotServe: the port is taken, or the address is not loopback and there is no password.
    """
    if password is None and not _loopback(host):
        raise CannotServe(
            f"the page at {host} would be open to the network: set KVARTAL_HTTP_PASSWORD, or serve it at 127.0.0.1"
        )
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise CannotServe(f"the page cannot be served at {host}:{port}: {error.strerror or error}") from None
    return listening


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve_page(
    listening: socket.socket,
    store: Path,
    site: Callable[[], Site],
    *,
    lang: Lang,
    password: str | None = None,
    health: Callable[[], dict[str, bool]] = dict,
    notice: Callable[[], dict[str, str]] = dict,
    decide: Callable[[Mapping[str, Any]], int] | None = None,
) -> Callable[[], None]:
    """Serve the page on an open socket, in a thread; returns a function that stops it.

    Args:
        listening: The open socket.
        store: Path of the embedded store.
        site: Gives the site in force.
        lang: Language of the texts.
        password: Required by HTTP Basic, if given.
        health: Conditions of a healthy service, by name.
        notice: Notices for people, by name.
        decide: Takes a person's decision; None if the page only shows.
    """
    stopping = threading.Event()
    app = create_app(
        store,
        site,
        lang=lang,
        password=password,
        stopping=stopping,
        health=health,
        notice=notice,
        decide=decide,
    )
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="page", daemon=True)
    thread.start()

    def stop() -> None:
        stopping.set()
        server.should_exit = True
        thread.join(5)
        listening.close()

    return stop
