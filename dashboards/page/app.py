"""The web application of the page: a JSON API, live events, and static files. Reads the store, writes nothing."""

from __future__ import annotations

import asyncio
import base64
import hmac
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboards.page.views import accounting_view, contract_view, day_view, portfolio_view
from dashboards.wording import Lang
from metering.site import Site
from storage.sqlite_reader import Reader

_STATIC: Final = Path(__file__).parent / "static"
_POLL_S: Final = 0.5
_KEEP_ALIVE_S: Final = 15.0


def create_app(
    store: Path,
    site: Callable[[], Site],
    *,
    lang: Lang = "ru",
    password: str | None = None,
    stopping: threading.Event,
    health: Callable[[], dict[str, bool]] = dict,
    notice: Callable[[], dict[str, str]] = dict,
) -> Starlette:
    """The page over the store of a site.

    Args:
        store: Path of the embedded store.
        site: Gives the site in force; it may change while the page is served.
        lang: Language of the texts; `?lang=` overrides it.
        password: Asked for by HTTP Basic (any user name) where given.
        stopping: Ends the event streams, so that the server can stop.
        health: What must hold for the service to be well, by name.
        notice: What people should know though the service is well, by name.
    """
    local = threading.local()

    def reader() -> Reader:
        found: Reader | None = getattr(local, "reader", None)
        if found is None:
            found = local.reader = Reader(store)
        return found

    def language(request: Request) -> Lang:
        return "en" if request.query_params.get("lang", lang) == "en" else "ru"

    def index(_request: Request) -> Response:
        return FileResponse(_STATIC / "index.html")

    def portfolio(request: Request) -> Response:
        return JSONResponse(portfolio_view(reader(), site(), language(request)))

    def contract(request: Request) -> Response:
        now = site()
        found = now.contracts.get(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "no such contract")
        return JSONResponse(contract_view(reader(), now, found, language(request)))

    def day(request: Request) -> Response:
        where, now = request.path_params, site()
        meter = now.meters.get((where["building"], where["meter"]))
        if meter is None:
            raise HTTPException(404, "no such meter")
        quantity = meter.quantity
        return JSONResponse(
            day_view(
                reader(), now, where["building"], where["meter"], quantity, where["date"], language(request)
            )
        )

    def baseline(request: Request) -> Response:
        document = reader().baseline(request.path_params["id"])
        if document is None:
            raise HTTPException(404, "no baseline is fitted yet")
        return Response(document, media_type="application/json")

    def accounting(request: Request) -> Response:
        return JSONResponse(accounting_view(reader(), language(request)))

    def healthy(_request: Request) -> Response:
        found = health()
        return JSONResponse(found | notice(), 200 if all(found.values()) else 503)

    async def events(request: Request) -> Response:
        async def changes() -> AsyncIterator[str]:
            own = Reader(store)
            try:
                seen = -1
                quiet = 0.0
                yield "retry: 2000\n\n"
                while not stopping.is_set() and not await request.is_disconnected():
                    version = own.commits()
                    if version != seen:
                        seen, quiet = version, 0.0
                        yield f"id: {version}\ndata: {version}\n\n"
                    elif quiet >= _KEEP_ALIVE_S:
                        quiet = 0.0
                        yield ": still here\n\n"
                    await asyncio.sleep(_POLL_S)
                    quiet += _POLL_S
            finally:
                own.close()

        return StreamingResponse(
            changes(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if password is not None and not _knows(request.headers.get("authorization", ""), password):
            return Response("login needed", 401, headers={"WWW-Authenticate": 'Basic realm="Kvartal"'})
        response = await go_on(request)
        response.headers["Content-Security-Policy"] = "default-src 'self'; style-src 'self' 'unsafe-inline'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return Starlette(
        routes=[
            Route("/", index),
            Route("/api/portfolio", portfolio),
            Route("/api/contracts/{id}", contract),
            Route("/api/contracts/{id}/baseline", baseline),
            Route("/api/days/{building}/{meter}/{date:int}", day),
            Route("/api/accounting", accounting),
            Route("/api/health", healthy),
            Route("/events", events),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
    )


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
