"""The routes of the page as rows: a path, and the view that is computed from the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException

from dashboards.page.accounts import accounting_view
from dashboards.page.alerts import alerts_view
from dashboards.page.asked import Asked
from dashboards.page.building import building_view
from dashboards.page.chains import heads_view
from dashboards.page.contract_months import month_view
from dashboards.page.day import day_view
from dashboards.page.decision import RULINGS
from dashboards.page.houses import portfolio_view
from dashboards.page.meters import meter_month_view, meter_view
from dashboards.page.registers import register_view
from dashboards.page.rulings import rulings_view
from dashboards.page.story import contract_view
from dashboards.words.page import labels

VIEWS: Final[tuple[tuple[str, Callable[[Asked], Any]], ...]] = (
    (
        "/api/portfolio",
        lambda a: portfolio_view(a.reader, a.site, a.lang) | {"notices": list(a.notices.values())},
    ),
    ("/api/alerts", lambda a: alerts_view(a.reader, a.site, a.lang)),
    ("/api/contracts/{id}", lambda a: contract_view(a.reader, a.site, a.contract, a.lang)),
    (
        "/api/contracts/{id}/months/{month}",
        lambda a: month_view(a.reader, a.site, a.contract, a.month, a.lang),
    ),
    ("/api/buildings/{building}", lambda a: building_view(a.reader, a.site, a.building, a.lang)),
    (
        "/api/meters/{building}/{meter}/{quantity}",
        lambda a: meter_view(a.reader, a.site, a.building, a.meter, a.quantity, a.lang),
    ),
    (
        "/api/meters/{building}/{meter}/{quantity}/{month}",
        lambda a: meter_month_view(a.reader, a.site, a.building, a.meter, a.quantity, a.month, a.lang),
    ),
    (
        "/api/days/{building}/{meter}/{date:int}",
        lambda a: day_view(a.reader, a.site, a.building.id, a.meter, a.quantity, a.date, a.lang),
    ),
    (
        "/api/days/{building}/{meter}/{date:int}/{quantity}",
        lambda a: day_view(a.reader, a.site, a.building.id, a.meter, a.quantity, a.date, a.lang),
    ),
    (
        "/api/registers/{building}/{meter}/{quantity}/{what}",
        lambda a: register_view(a.reader, a.site, a.building.id, a.meter, a.quantity, a.what, *a.dates),
    ),
    (RULINGS, lambda a: rulings_view(a.reader, a.site, a.lang)),
    ("/api/accounting", lambda a: accounting_view(a.reader, a.site, a.lang)),
    ("/api/chains", lambda a: heads_view(a.reader)),
)
"""Views as JSON; a browser that has the view of the newest commit gets a 304."""


class Document(NamedTuple):
    """Bytes from the store, sent as they are."""

    path: str
    read: Callable[[Asked], bytes | None]
    missing: str
    """Text of the 404."""
    media_type: str = "application/json"

    def bytes_of(self, asked: Asked) -> bytes:
        """The document that the request names.

        Raises:
            HTTPException: the store does not have it (404).
        """
        document = self.read(asked)
        if document is None:
            raise HTTPException(404, self.missing)
        return document


DOCUMENTS: Final = (
    Document(
        "/api/contracts/{id}/baseline",
        lambda a: a.reader.baseline(a.contract.id),
        "no baseline is fitted yet",
    ),
    Document("/api/baselines/{id}", lambda a: a.reader.baseline_of_id(a.path["id"]), "no such baseline"),
    # A payload is shown as text, whatever it is, and never run.
    Document(
        "/api/rejected/{id:int}",
        lambda a: a.reader.payload(a.path["id"]),
        "no such rejection",
        "text/plain; charset=utf-8",
    ),
)


def words(asked: Asked) -> dict[str, Any]:
    """The language of the answers and the labels of the page in it."""
    return {"lang": asked.lang, "labels": labels(asked.lang)}
