"""A store of the size that a probe needs: it answers what admin and API would, and may have a bad day."""

import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROBLEM = "application/problem+json"


@dataclass
class FakeStore:
    """`life` are the states that an order is seen in, one look after the other; the last one stays."""

    life: Sequence[str] = ("placed", "reserved", "paid")
    reason: str = ""
    left: Sequence[str] = ()
    """States of orders that are there from before."""
    broken: dict[str, int] = field(default_factory=dict)
    """Statuses by the end of a path."""
    strange: dict[str, Any] = field(default_factory=dict)
    """What is answered instead, with 200, by the end of a path."""
    garbled: bool = False
    """Whether answers are said to be compressed and are not."""
    url: str = ""
    placed: int = 0
    cancelled: list[str] = field(default_factory=list)
    looked: int = 0

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        if (wrong := self._wrong(path)) is not None:
            return wrong
        found: tuple[int, Any] = (404, {"title": "Nothing here"})
        match method, path.strip("/").split("/"):
            case "GET", [".well-known", "openid-configuration"]:
                found = 200, {"token_endpoint": f"{self.url}/token"}
            case "POST", ["token"]:
                found = 200, {"access_token": "a.token"}
            case "GET", ["v1", "products", "PROBE"]:
                found = 200, {"sku": "PROBE"}
            case "GET", ["v1", "orders"]:
                found = 200, {"items": [{"id": f"left-{n}", "state": state} for n, state in enumerate(self.left)]}
            case "POST", ["v1", "orders"]:
                self.placed += 1
                found = 201, {"id": "order-1"}
            case "GET", ["v1", "orders", order]:
                found = 200, self._order(order)
            case "POST", ["v1", "orders", order, "cancellation"]:
                self.cancelled.append(order)
                found = 202, {"order_id": order}
        return found

    def _wrong(self, path: str) -> tuple[int, Any] | None:
        """What is answered on purpose, if anything."""
        for end, status in self.broken.items():
            if path.endswith(end):
                return status, {"title": "Broken on purpose"}
        for end, content in self.strange.items():
            if path.endswith(end):
                return 200, content
        return None

    def _order(self, order: str) -> dict[str, Any]:
        state = "cancelled" if order in self.cancelled else self.life[min(self.looked, len(self.life) - 1)]
        self.looked += 1
        timeline = [{"details": {}}, {"details": {"reason": self.reason} if self.reason else {}}]
        return {"id": order, "state": state, "timeline": timeline}

    @contextmanager
    def open(self, tls: ssl.SSLContext | None = None) -> Iterator[None]:
        """Answer while the block runs."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(store: FakeStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*store.answer("GET", self.path))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(*store.answer("POST", self.path))

        def _answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if status < 400 else PROBLEM)
            self.send_header("Content-Length", str(len(body)))
            if store.garbled:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
            """Write no access log."""

    return Handler
