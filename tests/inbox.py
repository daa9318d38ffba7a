"""A web hook that alerts are sent to."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any


class Inbox(http.server.ThreadingHTTPServer):
    """Keeps the messages that are posted to it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, Any]] = []
        self.refuses = 0
        """Messages to refuse before one is accepted."""
        self.url = f"json://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.messages]

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.refuses -= 1
        accepted = self.server.refuses < 0
        if accepted:
            self.server.messages.append(message)
        self.send_response(200 if accepted else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
