"""The measures of the contracts as annotations in Grafana: the time of installation, on every time series.

Tested against a server that answers as Grafana's HTTP API does, not against Grafana itself.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException

from dashboards.words.lang import Lang
from dashboards.words.names import house_name
from dashboards.words.terms import measure
from metering.refusal import Refusal
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import to_ms

DASHBOARD: Final = "kvartal-portfolio"
_TAG: Final = "kvartal"


class GrafanaRefuses(Refusal):
    """Grafana cannot be reached or refuses the token."""

    status = 1


def annotate_measures(url: str, token: str, site: Site, *, lang: Lang) -> int:
    """Add an annotation for each contract without one; returns their number.

    Args:
        url: Base URL of Grafana.
        token: A service account's token with the right to write annotations.
        site: The site.
        lang: Language of the texts.

    Raises:
        GrafanaRefuses: with Grafana's answer.
    """
    grafana = GrafanaApi.from_url(url, credential=token)
    try:
        known = grafana.annotations.find_annotations(
            time_from=1, time_to=4_102_444_800_000, tags=[_TAG], dashboard_uid=DASHBOARD, limit=10_000
        )
        present = {tag for annotation in known for tag in annotation["tags"]}
        added = 0
        for contract in site.contract:
            if contract.id not in present:
                grafana.annotations.add_annotation(**_annotation(contract, site, lang))
                added += 1
    except (GrafanaException, OSError) as error:
        raise GrafanaRefuses(f"{url}: {error}") from None
    return added


def _annotation(contract: Contract, site: Site, lang: Lang) -> dict[str, Any]:
    assert contract.baseline.to is not None
    first = contract.baseline.to + dt.timedelta(days=1)
    return {
        "dashboard_uid": DASHBOARD,
        "time_from": _midnight(first, site),
        "time_to": _midnight(contract.reporting.from_, site),
        "tags": [_TAG, contract.building, contract.id],
        "text": f"{house_name(site, contract.building)}: {measure(contract.measure, lang)}",
    }


def _midnight(day: dt.date, site: Site) -> int:
    return to_ms(dt.datetime.combine(day, dt.time(), site.zone).astimezone(dt.UTC))
