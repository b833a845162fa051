"""What the API and the worker would have written, through their own database roles."""

import uuid
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NEXT = {
    "reserved": "order.reserved.v1",
    "paid": "order.paid.v1",
    "shipped": "order.shipped.v1",
    "delivered": "order.delivered.v1",
    "cancelled": "order.cancelled.v1",
}


@dataclass(frozen=True)
class Store:
    """Connections as the two services that write orders, and as the one that sends mails."""

    api: psycopg.Connection
    worker: psycopg.Connection
    notifications: psycopg.Connection

    def place_order(self, customer_id: UUID, *, sku: str = "MUG", name: str = "Mug", pieces: int = 2) -> UUID:
        """An order of `pieces` at 1490 cents each, placed as the API does."""
        order_id = uuid.uuid4()
        with self.api.transaction():
            self.api.execute(
                "INSERT INTO orders_order (id, customer_id, total_amount, total_currency, payment_token)"
                " VALUES (%s, %s, %s, 'EUR', 'tok_visa')",
                [order_id, customer_id, 1490 * pieces],
            )
            self.api.execute(
                "INSERT INTO orders_orderline (order_id, position, sku, name, quantity, unit_amount)"
                " VALUES (%s, 1, %s, %s, %s, 1490)",
                [order_id, sku, name, pieces],
            )
            self._happen(self.api, order_id, "order.placed.v1", "placed")
        return order_id

    def advance(self, order_id: UUID, *states: str) -> None:
        """Carry the order on as the worker does."""
        for state in states:
            with self.worker.transaction():
                self.worker.execute("UPDATE orders_order SET state = %s WHERE id = %s", [state, order_id])
                self._happen(self.worker, order_id, NEXT[state], state)

    def pay_order(self, customer_id: UUID) -> UUID:
        """A paid order with its payment attempt."""
        order_id = self.place_order(customer_id)
        self.advance(order_id, "reserved")
        with self.worker.transaction():
            self.worker.execute(
                "INSERT INTO orders_paymentattempt (order_id, state, amount, currency, provider_id)"
                " VALUES (%s, 'captured', 2980, 'EUR', 'ch_123')",
                [order_id],
            )
        self.advance(order_id, "paid")
        return order_id

    def ask(self, order_id: UUID, event_type: str) -> int:
        """State a request, as somebody else's back office does and commits; returns its version."""
        with self.api.transaction():
            return self._happen(self.api, order_id, event_type, None)

    def refund(self, order_id: UUID, version: int, amount: int, *, confirmed: bool = True) -> None:
        """Give some money back, as the request of that version asked; or leave it unknown whether it went."""
        with self.worker.transaction():
            self.worker.execute(
                "INSERT INTO refunds_refund"
                " (id, order_id, request_version, request_type, amount, currency, reason, state)"
                " VALUES (uuidv7(), %s, %s, 'order.refund_requested.v1', %s, 'EUR', 'arrived broken', %s)",
                [order_id, version, amount, "refunded" if confirmed else "unknown"],
            )
            column = "refunded_amount" if confirmed else "refunding_amount"
            self.worker.execute(
                f"UPDATE orders_order SET {column} = {column} + %s WHERE id = %s".encode(), [amount, order_id]
            )
            if confirmed:
                given = {"amount": {"amount": amount, "currency": "EUR"}, "request_version": version}
                self._happen(self.worker, order_id, "order.partially_refunded.v1", None, given)

    def refuse(self, order_id: UUID, request: str, version: int, left: int) -> None:
        """Refuse a request for more than what is left."""
        refused = {"request": request, "cause": "amount", "left": {"amount": left, "currency": "EUR"}}
        with self.worker.transaction():
            named = {**refused, "request_version": version}
            self._happen(self.worker, order_id, "order.request_refused.v1", None, named)

    def keep_address(self, customer_id: UUID) -> None:
        """An address that the customer keeps."""
        self.api.execute(
            "INSERT INTO addresses_address (customer_id, slot, recipient, street, city, country)"
            " VALUES (%s, 1, 'Bea Buyer', 'Keizersgracht 1', 'Amsterdam', 'NL')",
            [customer_id],
        )

    def ship_to(self, order_id: UUID) -> None:
        """Where an order goes; the API writes it with the order."""
        self.api.execute(
            "INSERT INTO addresses_shippingaddress (order_id, recipient, street, postal_code, city, country)"
            " VALUES (%s, 'Bea Buyer', 'Keizersgracht 1', '1015 CJ', 'Amsterdam', 'NL')",
            [order_id],
        )

    def note_mail(self, order_id: UUID, state: str = "sent", *, error: str = "") -> UUID:
        """A mail about the order's last event, and what became of it."""
        row = self.notifications.execute(
            "INSERT INTO notifications_notification (event_id, kind, order_id, version, wanted_at)"
            " VALUES (uuidv7(), 'order_confirmed', %s, 1, now()) RETURNING id",
            [order_id],
        ).fetchone()
        assert row
        self.notifications.execute(
            "UPDATE notifications_notification SET state = %s, error = %s, attempts = 1 WHERE id = %s",
            [state, error, row[0]],
        )
        return UUID(str(row[0]))

    def _happen(
        self,
        connection: psycopg.Connection,
        order_id: UUID,
        event_type: str,
        state: str | None,
        fields: dict[str, object] | None = None,
    ) -> int:
        payload = Jsonb({"order_id": str(order_id), **(fields or {})})
        row = connection.execute(
            "SELECT append_event('order', %s, %s, %s, %s)",
            [order_id, event_type, payload, Jsonb({"traceparent": TRACEPARENT})],
        ).fetchone()
        assert row
        connection.execute(
            "INSERT INTO orders_timelineentry (order_id, version, event_type, state, payload, traceparent)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [order_id, row[0], event_type, state, payload, TRACEPARENT],
        )
        return int(row[0])
