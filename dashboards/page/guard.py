"""Who may see the page, and what a browser may do with it."""

from __future__ import annotations

import base64
import hmac
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """Requires the password, if one is set (HTTP Basic, any user name), and sets the security headers."""

    def __init__(self, app: ASGIApp, *, password: str | None) -> None:
        self._app = app
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        given = Headers(scope=scope).get("authorization", "")
        if self._password is not None and not _knows(given, self._password):
            refusal = Response("login needed", 401, headers={"WWW-Authenticate": 'Basic realm="Kvartal"'})
            await refusal(scope, receive, marked)
            return
        await self._app(scope, receive, marked)


def _knows(header: str, password: str) -> bool:
    """Whether an Authorization header carries the password."""
    scheme, _, encoded = header.partition(" ")
    if scheme.casefold() != "basic":
        return False
    try:
        _, _, given = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return False
    return hmac.compare_digest(given.encode(), password.encode())
