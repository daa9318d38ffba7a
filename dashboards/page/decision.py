"""A person's decision as the page or the command line posts it: JSON, and from no other site's script."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

RULINGS: Final = "/api/rulings"

_LONGEST: Final = 1 << 20
"""Longest document [B]."""


_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


async def decision(request: Request, *, with_password: bool) -> dict[str, Any]:
    """The document of a request.

    A browser sends `application/json` to another site only after that site allows it, and names the origin of the
    script. Without a password the page must be asked for by a name of this machine: another name that leads here would
    make a foreign page and this one the same site.

    Args:
        request: The request.
        with_password: Whether the page requires a password.

    Raises:
        HTTPException: another site's script may have sent it (403), or it is no JSON object (400, 413, 415).
    """
    host = request.headers.get("host", "")
    if not with_password and urlsplit(f"//{host}").hostname not in _LOOPBACK:
        raise HTTPException(403, "without a password, decisions are taken at localhost only")
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if foreign or site not in (None, "same-origin", "none"):
        raise HTTPException(403, "a decision comes from this page only")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "a decision is application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise HTTPException(413, f"a decision has at most {_LONGEST} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise HTTPException(400, "a decision is a JSON object")
    return document
