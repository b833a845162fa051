"""A store in a test's own database: what customers and staff do to it, and what came of it."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import class_row
from sqlalchemy import insert, text
from tandem_contracts.envelope import Event
from tandem_contracts.orders import OrderedLine, OrderEvent, OrderPlaced
from tandem_contracts.payloads import Money
from tandem_local.databases import Database
from tandem_tables.hints import OutboxHint
from tandem_tables.orders import Order, OrderLine
from tandem_tables.timeline import append_to_timeline
from tandem_worker.consumer.guard import Guard
from tandem_worker.consumer.handlers import Consumer
from tandem_worker.consumer.inbox import Outcome
from tandem_worker.consumer.processing import Processor
from tandem_worker.database import SessionFactory
from tandem_worker.relay.outbox import OutboxRow
from tandem_worker.relay.records import event_of

TRANSACTIONS = 4
UNIT_PRICE = Money(amount=1250, currency="EUR")


class Unheard(OutboxHint):
    """No relay runs that could hear a hint."""

    def give(self) -> None:
        pass


def processor(consumer: Consumer, sessions: SessionFactory, *, dead_letter_limit: int = 20) -> Processor:
    guard = Guard(limit=dead_letter_limit, window_seconds=600)
    places, transactions = asyncio.Semaphore(2 * TRANSACTIONS), asyncio.Semaphore(TRANSACTIONS)
    return Processor(consumer, sessions, guard, places, transactions, Unheard(sessions.kw["bind"]), tracing=True)


@dataclass
class Store:
    """`api` and `worker` are sessions under those services' roles; `provider` speaks to the payment sandbox."""

    database: Database
    api: SessionFactory
    worker: SessionFactory
    provider: httpx.Client
    process: Consumer
    customer_id: UUID

    def put_in_stock(self, sku: str, pieces: int) -> None:
        """A published product at 12.50 EUR with so many pieces, booked as a receipt."""
        with psycopg.connect(self.database.url()) as superuser:
            superuser.execute(
                """
                WITH category AS (
                    INSERT INTO catalog_category (slug, name) VALUES ('kitchen', 'Kitchen')
                    ON CONFLICT (slug) DO UPDATE SET name = excluded.name RETURNING id
                )
                INSERT INTO catalog_product (sku, name, category_id, price_amount, status, published_at)
                SELECT %(sku)s, %(sku)s, id, 1250, 'published', now() FROM category
                """,
                {"sku": sku},
            )
            superuser.execute("INSERT INTO inventory_stock (sku, available) VALUES (%s, %s)", [sku, pieces])
            superuser.execute(
                "INSERT INTO inventory_stockmovement (sku, reason, available_change) VALUES (%s, 'receipt', %s)",
                [sku, pieces],
            )

    async def place_order(self, quantities: dict[str, int], *, total: int = 2500) -> UUID:
        """Place an order as the API does, in one transaction; `total` chooses what the payment sandbox does."""
        async with self.api.begin() as session:
            order_id: UUID = (await session.execute(text("SELECT uuidv7()"))).scalar_one()
            await session.execute(
                insert(Order).values(
                    id=order_id,
                    customer_id=self.customer_id,
                    total_amount=total,
                    total_currency="EUR",
                    payment_token="tok_visa",
                )
            )
            for position, (sku, quantity) in enumerate(quantities.items()):
                await session.execute(
                    insert(OrderLine).values(
                        order_id=order_id, position=position, sku=sku, name=sku, quantity=quantity, unit_amount=1250
                    )
                )
            placed = OrderPlaced(
                order_id=order_id,
                customer_id=self.customer_id,
                total=Money(amount=total, currency="EUR"),
                lines=[
                    OrderedLine(sku=sku, quantity=count, unit_price=UNIT_PRICE) for sku, count in quantities.items()
                ],
            )
            await append_to_timeline(session, placed, state="placed", headers={})
        return order_id

    async def ask(self, order_id: UUID, model: type[OrderEvent], **fields: object) -> None:
        """State a request in the order's stream, as API and admin do."""
        async with self.worker.begin() as session:
            request = model.model_validate({"order_id": order_id, "customer_id": self.customer_id, **fields})
            await append_to_timeline(session, request, state=None, headers={})

    async def run(self) -> list[Outcome]:
        """Apply every event of the outbox, and those that follow from them, until nothing is left."""
        outcomes: list[Outcome] = []
        while len(waiting := self.events()) > len(outcomes):
            outcomes += [await self.apply(event) for event in waiting[len(outcomes) :]]
        return outcomes

    async def apply(self, event: Event) -> Outcome:
        (outcome,) = await processor(self.process, self.worker).process([event])
        return outcome

    def events(self) -> list[Event]:
        """Every event in the outbox, in order: what the relay would publish."""
        with (
            psycopg.connect(self.database.url()) as superuser,
            superuser.cursor(row_factory=class_row(OutboxRow)) as cursor,
        ):
            cursor.execute(
                "SELECT id, event_id, producer, aggregate_type, aggregate_id, version, type, payload::text AS payload,"
                " headers, occurred_at FROM events_outboxevent ORDER BY id"
            )
            return [event_of(row, row.headers) for row in cursor.fetchall()]

    def types(self, order_id: UUID) -> list[str]:
        return [event.type for event in self.events() if event.aggregate_id == order_id]

    def state(self, order_id: UUID) -> str:
        return str(self._row("SELECT state FROM orders_order WHERE id = %s", order_id)[0])

    def stock(self, sku: str) -> tuple[int, int]:
        """Available and reserved pieces, after checking that the ledger says the same."""
        available, reserved = self._row("SELECT available, reserved FROM inventory_stock WHERE sku = %s", sku)
        ledger = self._row(
            "SELECT sum(available_change), sum(reserved_change) FROM inventory_stockmovement WHERE sku = %s", sku
        )
        assert (available, reserved) == ledger
        return available, reserved

    def payments(self, order_id: UUID) -> list[tuple[str, int, int]]:
        """Status, captured and refunded amount of every payment that the provider has for the order."""
        answer = self.provider.get("/v1/payments", params={"reference": str(order_id)}).raise_for_status().json()
        return [
            (payment["status"], payment["captured_amount"], payment["refunded_amount"]) for payment in answer["items"]
        ]

    def given_back(self, order_id: UUID) -> list[int]:
        """The amount of each refund of the order in the provider's ledger, in order."""
        given: list[int] = []
        after: int | None = 0
        while after is not None:
            page = self.provider.get("/v1/ledger", params={"after": after, "limit": 1000}).raise_for_status().json()
            entries = [entry for entry in page["items"] if entry["reference"] == str(order_id)]
            given += [entry["amount"] for entry in entries if entry["type"] == "refund"]
            after = page["next_after"]
        return given

    def refunds(self, order_id: UUID) -> list[tuple[str, int]]:
        """State and amount of each refund of the order, after checking that they add up to what the order says."""
        with psycopg.connect(self.database.url()) as superuser:
            rows = superuser.execute(
                "SELECT state, amount FROM refunds_refund WHERE order_id = %s ORDER BY request_version", [order_id]
            ).fetchall()
        back, under_way = self._row(
            "SELECT refunded_amount, refunding_amount FROM orders_order WHERE id = %s", order_id
        )
        assert back == sum(amount for state, amount in rows if state == "refunded")
        assert under_way == sum(amount for state, amount in rows if state != "refunded")
        return rows

    def dead_letters(self) -> list[tuple[int, str]]:
        """Version and state of each dead letter, by version."""
        with psycopg.connect(self.database.url()) as superuser:
            return superuser.execute("SELECT version, state FROM events_deadletter ORDER BY version").fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.database.url()) as superuser:
            superuser.execute(statement, parameters)

    def _row(self, statement: str, *parameters: object) -> tuple[int, int]:
        with psycopg.connect(self.database.url()) as superuser:
            row = superuser.execute(statement, parameters).fetchone()
        assert row
        return row
