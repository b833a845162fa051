"""The operations port: metrics and health, away from the port that customers reach."""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6

import structlog
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from tandem_runtime.health import Health

# How long the server may take to notice that it is stopped: a process that ends waits for it.
STOP_SECONDS = 0.1

log = structlog.get_logger()


class OperationsServer:
    """Serves /metrics, /livez and /readyz from threads of its own, so that a stuck event loop can still be seen.

    `liveness_seconds` is how long the process may go without a beat. Nothing starts before `start()`.
    """

    def __init__(
        self,
        health: Health,
        host: str,
        port: int,
        *,
        liveness_seconds: float = 10.0,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self.health = health
        self.liveness_seconds = liveness_seconds
        self.registry = registry
        self._address = (host, port)
        self._server: _Server | None = None

    def start(self) -> int:
        """Listen, and return the port; OSError when it is taken."""
        self._server = _Server(self._address, self)
        port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, args=(STOP_SECONDS,), name="operations", daemon=True
        ).start()
        log.info("operations port open", host=self._address[0], port=port)
        return port

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """Return status, content type and body for a GET."""
        match path:
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return HTTPStatus.OK, content_type, encode(self.registry)
            case "/livez":
                silent = round(self.health.silent_seconds, 3)
                alive = self.health.alive(self.liveness_seconds)
                reasons = {} if alive else {"progress": f"no beat for {silent} s, limit {self.liveness_seconds} s"}
                return _verdict(reasons)
            case "/readyz":
                return _verdict(self.health.reasons_against())
            case _:
                return _json(HTTPStatus.NOT_FOUND, {"paths": ["/metrics", "/livez", "/readyz"]})


def _verdict(reasons: dict[str, str]) -> tuple[HTTPStatus, str, bytes]:
    if reasons:
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "failing", "reasons": reasons})
    return _json(HTTPStatus.OK, {"status": "ok"})


def _json(status: HTTPStatus, content: object) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", json.dumps(content).encode() + b"\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], operations: OperationsServer) -> None:
        self.address_family = AF_INET6 if ":" in address[0] else AF_INET
        self.operations = operations
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # seconds for a client that opens a connection and says nothing

    def do_GET(self) -> None:
        status, content_type, body = self.server.operations.answer(
            self.path.partition("?")[0], self.headers.get("Accept", "")
        )
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
        """Log nothing: probes and scrapes come every few seconds."""
