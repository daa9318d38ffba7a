"""The web application of the page: a JSON API, live events, and static files.

It reads the store and writes nothing. A person's decision about readings goes to the service that writes it.
"""

from __future__ import annotations

import secrets
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboards.page.asked import Asked
from dashboards.page.decision import RULINGS, decision
from dashboards.page.guard import Guard
from dashboards.page.live import KEEP_ALIVE_S, Changes
from dashboards.page.routes import DOCUMENTS, VIEWS, Document, words
from dashboards.words.lang import Lang
from metering.refusal import Refusal
from metering.site.model import Site
from storage.sqlite_reader import Reader

_STATIC: Final = Path(__file__).parent / "static"


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
    decide: Callable[[Mapping[str, Any]], int] | None = None,
) -> Starlette:
    """The page over the store of a site.

    Args:
        store: Path of the embedded store.
        site: Gives the site in force; it may change while the page is served.
        lang: Language of the texts; `?lang=` overrides it.
        password: If given, required by HTTP Basic (any user name).
        stopping: Ends the event streams, so that the server can stop.
        health: Conditions of a healthy service, by name; one that is false answers 503.
        notice: Notices for people while the service is healthy, by name.
        keep_alive_s: Longest silence of an event stream [s].
        decide: Takes a person's decision (`kvartal.deciding` has its forms) and returns how many rulings it stated
            when they are on disk; None if the page only shows.
    """
    page = _Page(store, site, lang, notice)
    changes = Changes(store, stopping, keep_alive_s=keep_alive_s)

    def index(_request: Request) -> Response:
        return FileResponse(_STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    def healthy(_request: Request) -> Response:
        state = health()
        return JSONResponse(state | notice(), 200 if all(state.values()) else 503)

    async def events(request: Request) -> Response:
        if changes.full:
            raise HTTPException(503, "too many pages are open", headers={"Retry-After": "30"})
        last = request.headers.get("last-event-id", "")
        return StreamingResponse(
            changes.stream(int(last) if last.isdecimal() else -1),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def rule(request: Request) -> Response:
        document = await decision(request, with_password=password is not None)
        if decide is None:
            raise HTTPException(405, "this page only shows: no service runs behind it")
        try:
            number = await run_in_threadpool(decide, document)
        except Refusal as refusal:
            raise HTTPException(400, str(refusal)) from None
        return JSONResponse({"rulings": number})

    return Starlette(
        routes=[
            Route("/", index),
            Route("/api/words", lambda request: JSONResponse(words(page.asked(request)))),
            *(Route(path, page.view(view)) for path, view in VIEWS),
            *(Route(document.path, page.document(document)) for document in DOCUMENTS),
            Route(RULINGS, rule, methods=["POST"]),
            Route("/api/health", healthy),
            Route("/events", events),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={HTTPException: _refuse},
        middleware=[Middleware(Guard, password=password)],
    )


class _Page:
    """Answers requests from the store: a reader for each thread, and a tag that changes with the answers."""

    def __init__(
        self, store: Path, site: Callable[[], Site], lang: Lang, notice: Callable[[], dict[str, str]]
    ) -> None:
        self._store, self._site, self._lang, self._notice = store, site, lang, notice
        self._local = threading.local()
        self._tagged: tuple[Site | None, str] = (None, "")

    def asked(self, request: Request) -> Asked:
        """The request with the store and the site it refers to."""
        lang: Lang = "en" if request.query_params.get("lang", self._lang) == "en" else "ru"
        return Asked(
            self._reader(), self._site(), lang, self._notice(), request.path_params, request.query_params
        )

    def view(self, view: Callable[[Asked], Any]) -> Callable[[Request], Response]:
        """An endpoint that answers with the view as JSON, or 304 if the browser has it."""

        def answer(request: Request) -> Response:
            asked = self.asked(request)
            # Read before the figures: they may be newer than the tag, never older.
            tag = self._tag(asked)
            headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Authorization"}
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers=headers)
            return JSONResponse(view(asked), headers=headers)

        return answer

    def document(self, document: Document) -> Callable[[Request], Response]:
        """An endpoint that answers with bytes from the store."""
        return lambda request: Response(
            document.bytes_of(self.asked(request)), media_type=document.media_type
        )

    def _reader(self) -> Reader:
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = Reader(self._store)
        return reader

    def _tag(self, asked: Asked) -> str:
        """Tag of the current answers: it changes with each start, site file, commit, notice and language."""
        tagged, mark = self._tagged
        if tagged is not asked.site:
            mark = secrets.token_hex(4)
            self._tagged = (asked.site, mark)
        notices = zlib.crc32(repr(asked.notices).encode())
        return f'W/"{mark}-{notices:x}-{asked.reader.commits()}-{asked.lang}"'


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
