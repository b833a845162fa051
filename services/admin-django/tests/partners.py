"""A partner's webhooks as the worker leaves them, seen by every connection."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from tandem_admin.webhooks.models import Delivery, Endpoint
from tandem_contracts.webhooks import new_signing_secret
from tandem_local.databases import Database


@dataclass(frozen=True)
class Partners:
    """What is written is committed, and stays for the run."""

    database: Database

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.url(), row_factory=dict_row) as superuser:
            cursor = superuser.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def endpoint(self) -> Endpoint:
        client_id = uuid4().hex
        self.sql(
            "INSERT INTO allauth_idp_oidc_client (id, name, secret, scopes, default_scopes, type, grant_types,"
            " redirect_uris, cors_origins, allow_uri_wildcards, response_types, skip_consent, created_at)"
            " VALUES (%s, 'Parcels', '', %s, '', 'confidential', 'client_credentials', '', '', false, '', false,"
            " now())",
            client_id,
            "webhooks:manage\norders:status",
        )
        (row,) = self.sql(
            "INSERT INTO webhooks_endpoint (client_id, url, event_types) VALUES (%s, %s, %s) RETURNING id",
            client_id,
            "https://hooks.partner.example/tandem",
            ["order.paid.v1"],
        )
        self.sql(
            "INSERT INTO webhooks_signingsecret (endpoint_id, secret) VALUES (%s, %s)", row["id"], new_signing_secret()
        )
        return Endpoint.objects.get(pk=row["id"])

    def deliver(self, endpoint: Endpoint, *, state: str = "failed", about: UUID | None = None) -> Delivery:
        (row,) = self.sql(
            "INSERT INTO webhooks_delivery (endpoint_id, event_id, event_type, aggregate_type, aggregate_id, version,"
            " body, state, attempts, last_status, settled_at)"
            " VALUES (%s, uuidv7(), 'order.paid.v1', 'order', %s, 3, %s, %s, 1, 500,"
            " CASE WHEN %s <> 'pending' THEN now() END) RETURNING id",
            endpoint.pk,
            about or uuid4(),
            '{"type": "order.paid.v1"}',
            state,
            state,
        )
        self.sql(
            "INSERT INTO webhooks_attempt (delivery_id, started_at, duration_ms, status, response)"
            " VALUES (%s, now(), 12, 500, 'not today')",
            row["id"],
        )
        return Delivery.objects.get(pk=row["id"])
