"""The rows that others write (staff, customers, the order process), in a test's own database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from tandem_local.databases import Database

LOCK_WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@dataclass(frozen=True)
class Storefront:
    database: Database

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Run a statement as the superuser, in a transaction of its own."""
        with psycopg.connect(self.database.url(), row_factory=dict_row) as superuser:
            cursor = superuser.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        return int(self.sql(f"SELECT count(*) FROM {table}")[0]["count"])

    def category(self, slug: str) -> UUID:
        return self._id(
            "INSERT INTO catalog_category (slug, name) VALUES (%s, initcap(%s))"
            " ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING id",
            slug,
            slug,
        )

    def product(
        self, sku: str, *, name: str = "", price: int = 1450, currency: str = "EUR", category: str = "kitchen",
        status: str = "published",
    ) -> UUID:  # fmt: skip
        return self._id(
            "INSERT INTO catalog_product (sku, name, category_id, price_amount, price_currency, status, published_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, now()) RETURNING id",
            sku,
            name or f"Product {sku}",
            self.category(category),
            price,
            currency,
            status,
        )

    def customer(self, email: str, *, active: bool = True) -> UUID:
        return self._id(
            "INSERT INTO users_user (email, name, password, is_superuser, is_staff, is_active)"
            " VALUES (%s, initcap(split_part(%s, '@', 1)), 'unusable', false, false, %s) RETURNING id",
            email,
            email,
            active,
        )

    def partner(self, client_id: str) -> str:
        """A partner's server, as staff register it; returns its id."""
        self.sql(
            "INSERT INTO allauth_idp_oidc_client (id, name, secret, scopes, default_scopes, type, grant_types,"
            " redirect_uris, cors_origins, allow_uri_wildcards, response_types, skip_consent, created_at)"
            " VALUES (%s, 'Parcels', '', '', '', 'confidential', 'client_credentials', '', '', false, '', false,"
            " now())",
            client_id,
        )
        return client_id

    def order(self, customer_id: UUID, state: str = "placed") -> UUID:
        """An order whose timeline leads straight to `state`."""
        order_id = self._id(
            "INSERT INTO orders_order (customer_id, total_amount, total_currency, payment_token)"
            " VALUES (%s, 100, 'EUR', 'tok_visa') RETURNING id",
            customer_id,
        )
        self.advance(order_id, "placed")
        if state != "placed":
            self.advance(order_id, state)
        return order_id

    def stock(self, sku: str, available: int) -> None:
        self.sql("INSERT INTO inventory_stock (sku, available) VALUES (%s, %s)", sku, available)

    def advance(self, order_id: UUID, state: str) -> None:
        """What the order process does at a transition: state, event and timeline in one transaction."""
        kind, payload = f"order.{state}.v1", Jsonb({"order_id": str(order_id)})
        with psycopg.connect(self.database.url()) as worker:
            appended = worker.execute(
                "SELECT append_event('order', %s, %s, %s, '{}')", [order_id, kind, payload]
            ).fetchone()
            assert appended is not None
            worker.execute(
                "INSERT INTO orders_timelineentry (order_id, version, event_type, state, payload)"
                " VALUES (%s, %s, %s, %s, %s)",
                [order_id, appended[0], kind, state, payload],
            )
            worker.execute("UPDATE orders_order SET state = %s WHERE id = %s", [state, order_id])

    def refund(self, order_id: UUID, amount: int) -> None:
        """What the order process does at a refund of a part: amount, event and timeline in one transaction."""
        kind, euros = "order.partially_refunded.v1", {"amount": amount, "currency": "EUR"}
        payload = Jsonb({"order_id": str(order_id), "amount": euros, "refunded": euros, "reason": "broken"})
        with psycopg.connect(self.database.url()) as worker:
            appended = worker.execute(
                "SELECT append_event('order', %s, %s, %s, '{}')", [order_id, kind, payload]
            ).fetchone()
            assert appended is not None
            worker.execute(
                "INSERT INTO orders_timelineentry (order_id, version, event_type, payload) VALUES (%s, %s, %s, %s)",
                [order_id, appended[0], kind, payload],
            )
            worker.execute("UPDATE orders_order SET refunded_amount = %s WHERE id = %s", [amount, order_id])

    def refuse(self, order_id: UUID, request: str) -> None:
        """What the order process does with a request that the state does not allow."""
        self.sql(
            "INSERT INTO orders_timelineentry (order_id, version, event_type, payload)"
            " SELECT %s, append_event('order', %s, kind, payload, '{}'), kind, payload"
            " FROM (VALUES ('order.request_refused.v1', jsonb_build_object('request', %s::text))) AS r (kind, payload)",
            order_id,
            order_id,
            request,
        )

    def outbox(self) -> list[dict[str, Any]]:
        return self.sql("SELECT * FROM events_outboxevent ORDER BY id")

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Nobody can insert into the table while the block runs."""
        with psycopg.connect(self.database.url()) as blocker:
            blocker.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
            yield

    def _id(self, statement: str, *values: object) -> UUID:
        found: UUID = self.sql(statement, *values)[0]["id"]
        return found
