"""Annotations, sent by grafana-client to a server that answers as Grafana's HTTP API does."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.grafana.annotate import DASHBOARD, GrafanaRefuses, annotate_measures
from ingest.broker import free_port
from metering.site.model import parse_site
from tests.places import EXAMPLE

SITE = parse_site(EXAMPLE.read_text(encoding="utf-8"))

# niquests, under grafana-client, leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


class Grafana(http.server.ThreadingHTTPServer):
    annotations: list[dict[str, Any]]
    token = "good"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Grafana

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.server.token}":
            return True
        self._answer(401, {"message": "Unauthorized"})
        return False

    def do_GET(self) -> None:
        if self._allowed():
            self._answer(200, self.server.annotations)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._allowed():
            self.server.annotations.append(body)
            self._answer(200, {"message": "Annotation added", "id": len(self.server.annotations)})

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    server = Grafana(("127.0.0.1", 0), Handler)
    server.annotations = []
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def url(server: Grafana) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_each_measure_is_annotated_once(grafana: Grafana) -> None:
    assert annotate_measures(url(grafana), "good", SITE, lang="ru") == 1
    assert annotate_measures(url(grafana), "good", SITE, lang="ru") == 0
    (annotation,) = grafana.annotations
    assert annotation["dashboardUID"] == DASHBOARD
    assert annotation["text"] == "Белградская ул., 8: ИТП с погодным регулированием"
    assert set(annotation["tags"]) == {"kvartal", "b01", "c-b01-heat"}
    # The gap between the periods, at local midnights: 2025-10-01 and 2025-10-15 in Moscow.
    assert (annotation["time"], annotation["timeEnd"]) == (1_759_266_000_000, 1_760_475_600_000)


def test_a_wrong_token_is_said(grafana: Grafana) -> None:
    with pytest.raises(GrafanaRefuses, match="Unauthorized"):
        annotate_measures(url(grafana), "bad", SITE, lang="ru")


def test_no_grafana_is_said() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(GrafanaRefuses, match=nowhere):
        annotate_measures(nowhere, "good", SITE, lang="ru")
