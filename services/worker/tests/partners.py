"""Partners: what they subscribe to, and the real HTTP servers on which they hear of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from standardwebhooks import Webhook
from tandem_contracts.webhooks import new_signing_secret
from tandem_local.databases import Database

SCOPES = "webhooks:manage\norders:status\nfeed:read"


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data

    def verified_by(self, secret: str) -> Any:
        """What the official library says; raises when the signature is not of that secret."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass(frozen=True)
class Reply:
    """What a receiver answers, and after how long."""

    status: int = 200
    body: bytes = b"thanks"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0


class Receiver:
    """A partner's server. `answer` decides about each message."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answer: Callable[[Message], Reply] = lambda _message: Reply()
        self.under_way = 0
        self.most_under_way = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def handle(self, message: Message) -> Reply:
        with self._lock:
            self.messages.append(message)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            reply = self.answer(message)
            time.sleep(reply.seconds)
            return reply
        finally:
            with self._lock:
                self.under_way -= 1

    def versions(self, aggregate_id: UUID) -> list[int]:
        """Of what arrived about an order, in the order of arrival."""
        return [one.data["version"] for one in self.messages if one.data.get("order_id") == str(aggregate_id)]

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.handle(Message(self.path, headers, body, time.time()))
            try:
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:  # who waited for it has gone
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler


@dataclass(frozen=True)
class Partners:
    """Their rows, as API and staff write them, in a test's own database."""

    database: Database

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.url(), row_factory=dict_row) as superuser:
            cursor = superuser.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def client(self, *, scopes: str = SCOPES) -> str:
        client_id = uuid4().hex
        self.sql(
            "INSERT INTO allauth_idp_oidc_client (id, name, secret, scopes, default_scopes, type, grant_types,"
            " redirect_uris, cors_origins, allow_uri_wildcards, response_types, skip_consent, created_at)"
            " VALUES (%s, 'Parcels', '', %s, '', 'confidential', 'client_credentials', '', '', false, '', false,"
            " now())",
            client_id,
            scopes,
        )
        return client_id

    def endpoint(
        self, url: str, *, types: Sequence[str] = ("order.placed.v1", "order.paid.v1"), client_id: str | None = None
    ) -> UUID:
        (row,) = self.sql(
            "INSERT INTO webhooks_endpoint (client_id, url, event_types) VALUES (%s, %s, %s) RETURNING id",
            client_id or self.client(),
            url,
            list(types),
        )
        self.secret(row["id"])
        return UUID(str(row["id"]))

    def secret(self, endpoint_id: UUID, *, former_for: str = "1 hour") -> str:
        """A new secret; the one before is good for the given time."""
        self.sql(
            "UPDATE webhooks_signingsecret SET expires_at = now() + %s::interval"
            " WHERE endpoint_id = %s AND expires_at IS NULL",
            former_for,
            endpoint_id,
        )
        secret = new_signing_secret()
        self.sql("INSERT INTO webhooks_signingsecret (endpoint_id, secret) VALUES (%s, %s)", endpoint_id, secret)
        return secret

    def secrets(self, endpoint_id: UUID) -> list[str]:
        rows = self.sql("SELECT secret FROM webhooks_signingsecret WHERE endpoint_id = %s ORDER BY id", endpoint_id)
        return [row["secret"] for row in rows]

    def deliveries(self, endpoint_id: UUID | None = None) -> list[dict[str, Any]]:
        return self.sql(
            "SELECT * FROM webhooks_delivery WHERE endpoint_id = %s OR %s::uuid IS NULL ORDER BY id",
            endpoint_id,
            endpoint_id,
        )

    def attempts(self) -> list[dict[str, Any]]:
        return self.sql("SELECT * FROM webhooks_attempt ORDER BY id")

    def states(self, endpoint_id: UUID | None = None) -> list[str]:
        return [row["state"] for row in self.deliveries(endpoint_id)]

    def state(self, endpoint_id: UUID) -> dict[str, Any]:
        return self.sql("SELECT * FROM webhooks_endpoint WHERE id = %s", endpoint_id)[0]

    def let_pass(self, hours: float) -> None:
        """Move all that is noted into the past, as if so many hours had gone by."""
        for column in ("next_attempt_at", "give_up_at", "leased_until", "created_at"):
            self.sql(f"UPDATE webhooks_delivery SET {column} = {column} - %s * interval '1 hour'", hours)
        for column in ("failing_since", "not_before", "last_success_at"):
            self.sql(f"UPDATE webhooks_endpoint SET {column} = {column} - %s * interval '1 hour'", hours)
