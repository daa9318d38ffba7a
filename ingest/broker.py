"""Ports for a broker on loopback, and the error if there is no broker."""

from __future__ import annotations

import socket

from metering.refusal import Refusal


class NoBroker(Refusal):
    """There is no broker. The text names the cause and the remedy."""


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_free(host: str, port: int) -> None:
    """Check that this process can listen on the port.

    Raises:
        NoBroker: it is in use, or needs rights that this process does not have.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise NoBroker(f"port {port} of {host} is not ours to listen on: choose one above 1023") from None
        except OSError:
            raise NoBroker(f"port {port} of {host} is in use: the broker cannot listen there") from None


def accepts(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True
