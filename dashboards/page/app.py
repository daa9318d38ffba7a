"""The web application of the page: a JSON API, live events, and static files. Reads the store, writes nothing."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboards.page.accounts import accounting_view
from dashboards.page.days import day_view, month_view, register_view
from dashboards.page.guard import Guard
from dashboards.page.houses import alerts_view, portfolio_view
from dashboards.page.live import KEEP_ALIVE_S, Changes
from dashboards.page.meters import building_view, meter_month_view, meter_view
from dashboards.page.story import contract_view
from dashboards.words.page import labels
from dashboards.words.wording import Lang
from metering.quantities import QUANTITIES
from metering.site.model import Contract, Meter, Site
from storage.sqlite_reader import Reader

_STATIC: Final = Path(__file__).parent / "static"
_MOST_DAYS: Final = 400
"""Days of hours or readings in one answer."""


def create_app(
    store: Path,
    site: Callable[[], Site],
    *,
    lang: Lang = "ru",
    password: str | None = None,
    stopping: threading.Event,
    health: Callable[[], dict[str, bool]] = dict,
    notice: Callable[[], dict[str, str]] = dict,
    keep_alive_s: float = KEEP_ALIVE_S,
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
        keep_alive_s: A quiet event stream says something at least so often [s].
    """
    local = threading.local()
    # Another start, or another site file, may have other words for the same figures.
    shown_of: list[tuple[Site | None, str]] = [(None, "")]
    changes = Changes(store, stopping, keep_alive_s=keep_alive_s)

    def reader() -> Reader:
        found: Reader | None = getattr(local, "reader", None)
        if found is None:
            found = local.reader = Reader(store)
        return found

    def language(request: Request) -> Lang:
        return "en" if request.query_params.get("lang", lang) == "en" else "ru"

    def answer(request: Request, view: Callable[[Reader, Site, Lang], Any]) -> Response:
        """The view as JSON; a browser that has it as of the newest commit is told that nothing changed."""
        shown, held, now = language(request), reader(), site()
        if shown_of[0][0] is not now:
            shown_of[0] = (now, secrets.token_hex(4))
        told = zlib.crc32(repr(notice()).encode())
        # Asked before the figures: they may be newer than the tag says, never older.
        tag = f'W/"{shown_of[0][1]}-{told:x}-{held.commits()}-{shown}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Authorization"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return JSONResponse(view(held, now, shown), headers=headers)

    def contract_of(request: Request) -> Contract:
        found = site().contracts.get(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "no such contract")
        return found

    def meter_of(request: Request) -> Meter:
        found = site().meters.get((request.path_params["building"], request.path_params["meter"]))
        if found is None:
            raise HTTPException(404, "no such meter")
        return found

    def counted(request: Request) -> str:
        quantity: str = request.path_params["quantity"]
        if quantity not in QUANTITIES or QUANTITIES[quantity].nature != "register":
            raise HTTPException(404, "a meter counts energy or volume")
        return quantity

    def index(_request: Request) -> Response:
        return FileResponse(_STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    def words(request: Request) -> Response:
        shown = language(request)
        return JSONResponse({"lang": shown, "labels": labels(shown)})

    def portfolio(request: Request) -> Response:
        return answer(
            request,
            lambda held, now, shown: portfolio_view(held, now, shown) | {"notices": list(notice().values())},
        )

    def alerts(request: Request) -> Response:
        return answer(request, lambda held, now, shown: alerts_view(held, now, shown))

    def contract(request: Request) -> Response:
        found = contract_of(request)
        return answer(request, lambda held, now, shown: contract_view(held, now, found, shown))

    def month(request: Request) -> Response:
        found, first = contract_of(request), _month(request)
        return answer(request, lambda held, now, shown: month_view(held, now, found, first, shown))

    def building(request: Request) -> Response:
        found = site().buildings.get(request.path_params["building"])
        if found is None:
            raise HTTPException(404, "no such building")
        return answer(request, lambda held, now, shown: building_view(held, now, found, shown))

    def meter(request: Request) -> Response:
        found, quantity = meter_of(request), counted(request)
        house = site().buildings[request.path_params["building"]]
        return answer(request, lambda held, now, shown: meter_view(held, now, house, found, quantity, shown))

    def meter_month(request: Request) -> Response:
        found, quantity, first = meter_of(request), counted(request), _month(request)
        house = site().buildings[request.path_params["building"]]
        return answer(
            request,
            lambda held, now, shown: meter_month_view(held, now, house, found, quantity, first, shown),
        )

    def day(request: Request) -> Response:
        found, where = meter_of(request), request.path_params
        if not 700_000 < where["date"] < 800_000:
            raise HTTPException(404, "no such day")
        quantity = counted(request) if "quantity" in where else found.quantity
        return answer(
            request,
            lambda held, now, shown: day_view(
                held, now, where["building"], found, quantity, where["date"], shown
            ),
        )

    def register(request: Request) -> Response:
        found, what = meter_of(request), request.path_params["what"]
        quantity = counted(request)
        if what not in ("days", "hours", "readings"):
            raise HTTPException(404, "a register has days, hours and readings")
        last = _date(request, "last", dt.date.max)
        first = _date(request, "first", dt.date.min)
        if what != "days" and (last - first).days >= _MOST_DAYS:
            raise HTTPException(400, f"name first and last (2025-01-31), at most {_MOST_DAYS} days apart")
        first = max(first, dt.date(1970, 1, 2))
        last = min(last, dt.date(2200, 1, 1))
        return answer(
            request,
            lambda held, now, _shown: register_view(
                held,
                now,
                request.path_params["building"],
                found,
                quantity,
                what,
                first.toordinal(),
                last.toordinal(),
            ),
        )

    def baseline(request: Request) -> Response:
        return _document(reader().baseline(contract_of(request).id), "no baseline is fitted yet")

    def baseline_of_id(request: Request) -> Response:
        return _document(reader().baseline_of_id(request.path_params["id"]), "no such baseline")

    def accounting(request: Request) -> Response:
        return answer(request, lambda held, now, shown: accounting_view(held, now, shown))

    def payload(request: Request) -> Response:
        found = reader().payload(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "no such rejection")
        # Whatever a meter sent is shown as text, never run.
        return Response(found, media_type="text/plain; charset=utf-8")

    def healthy(_request: Request) -> Response:
        found = health()
        return JSONResponse(found | notice(), 200 if all(found.values()) else 503)

    async def events(request: Request) -> Response:
        if changes.full:
            raise HTTPException(503, "too many pages are open", headers={"Retry-After": "30"})
        last = request.headers.get("last-event-id", "")
        return StreamingResponse(
            changes.stream(int(last) if last.isdecimal() else -1),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return Starlette(
        routes=[
            Route("/", index),
            Route("/api/words", words),
            Route("/api/portfolio", portfolio),
            Route("/api/alerts", alerts),
            Route("/api/contracts/{id}", contract),
            Route("/api/contracts/{id}/baseline", baseline),
            Route("/api/contracts/{id}/months/{month}", month),
            Route("/api/baselines/{id}", baseline_of_id),
            Route("/api/days/{building}/{meter}/{date:int}", day),
            Route("/api/days/{building}/{meter}/{date:int}/{quantity}", day),
            Route("/api/buildings/{building}", building),
            Route("/api/meters/{building}/{meter}/{quantity}", meter),
            Route("/api/meters/{building}/{meter}/{quantity}/{month}", meter_month),
            Route("/api/registers/{building}/{meter}/{quantity}/{what}", register),
            Route("/api/accounting", accounting),
            Route("/api/rejected/{id:int}", payload),
            Route("/api/health", healthy),
            Route("/events", events),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={HTTPException: _refuse},
        middleware=[Middleware(Guard, password=password)],
    )


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


def _document(document: bytes | None, missing: str) -> Response:
    if document is None:
        raise HTTPException(404, missing)
    return Response(document, media_type="application/json")


def _month(request: Request) -> dt.date:
    try:
        first = dt.date.fromisoformat(f"{request.path_params['month']}-01")
    except ValueError:
        raise HTTPException(400, "a month is written 2025-01") from None
    if not 1970 <= first.year < 2200:
        raise HTTPException(404, "no such month")
    return first


def _date(request: Request, name: str, default: dt.date) -> dt.date:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, f"{name} is a date like 2025-01-31, not {text!r}") from None
