"""Orders in the database. Every query of an order names its owner."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import Row, TextClause, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tandem_contracts.orders import OrderCancellationRequested, OrderPlaced
from tandem_contracts.payloads import Money
from tandem_contracts.registry import event_type_of
from tandem_tables.orders import Order, OrderLine, TimelineEntry

from tandem_api.orders.idempotency import Answer, Attempt, StoredAnswer, in_progress, key_owner, lock_number
from tandem_api.orders.schemas import Line
from tandem_api.orders.statements import BEFORE_CANCELLATION, BEFORE_PLACEMENT, CANCELLATION, PLACEMENT


@dataclass(frozen=True, slots=True)
class ProductForSale:
    """What is sold, and for how much, is decided by the database and not by the cache."""

    name: str
    price: Money


@dataclass(frozen=True, slots=True)
class BeforePlacement:
    """`products` are those of the SKUs asked for that are published, by SKU."""

    active: bool
    stored: StoredAnswer | None
    order_id: UUID
    placed_at: datetime
    products: Mapping[str, ProductForSale]


@dataclass(frozen=True, slots=True)
class BeforeCancellation:
    """`state` is that of the customer's order of this id, None if there is none."""

    active: bool
    stored: StoredAnswer | None
    state: str | None


async def find_order(session: AsyncSession, order_id: UUID, owner: UUID) -> Order | None:
    query = select(Order).where(Order.id == order_id, Order.customer_id == owner)
    return (await session.scalars(query)).one_or_none()


async def find_state(session: AsyncSession, order_id: UUID, owner: UUID) -> tuple[str, int] | None:
    """The order's state and the latest version in its timeline."""
    latest = select(func.max(TimelineEntry.version)).where(TimelineEntry.order_id == Order.id).scalar_subquery()
    query = select(Order.state, func.coalesce(latest, 0)).where(Order.id == order_id, Order.customer_id == owner)
    found = (await session.execute(query)).one_or_none()
    return None if found is None else (found[0], found[1])


async def list_orders(session: AsyncSession, owner: UUID, *, before: UUID | None, limit: int) -> Sequence[Order]:
    """The latest first, which is by id: they are UUIDv7."""
    query = select(Order).where(Order.customer_id == owner).order_by(Order.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Order.id < before)
    return (await session.scalars(query)).all()


async def order_lines(session: AsyncSession, order_id: UUID, owner: UUID) -> Sequence[OrderLine]:
    query = (
        select(OrderLine)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.id == order_id, Order.customer_id == owner)
        .order_by(OrderLine.position)
    )
    return (await session.scalars(query)).all()


async def timeline(session: AsyncSession, order_id: UUID, owner: UUID, *, after: int = 0) -> Sequence[TimelineEntry]:
    """The entries of a version above `after`."""
    query = (
        select(TimelineEntry)
        .join(Order, Order.id == TimelineEntry.order_id)
        .where(Order.id == order_id, Order.customer_id == owner, TimelineEntry.version > after)
        .order_by(TimelineEntry.version)
    )
    return (await session.scalars(query)).all()


async def before_placement(
    connection: AsyncConnection, customer_id: UUID, attempt: Attempt, skus: Sequence[str]
) -> BeforePlacement:
    parameters = {"customer_id": customer_id, "principal": key_owner(customer_id), "key": attempt.key, "skus": skus}
    row = (await connection.execute(BEFORE_PLACEMENT, parameters)).one()
    products = {
        product["sku"]: ProductForSale(
            product["name"], Money(amount=product["price_amount"], currency=product["price_currency"])
        )
        for product in row.products or ()
    }
    return BeforePlacement(row.active, _stored(row), row.order_id, row.placed_at, products)


async def write_placement(
    connection: AsyncConnection,
    attempt: Attempt,
    answer: Answer,
    event: OrderPlaced,
    lines: Sequence[Line],
    *,
    payment_token: str,
    placed_at: datetime,
    headers: Mapping[str, str],
) -> None:
    """Write order, lines, event, timeline and answer; a problem when another request holds the attempt's key."""
    parameters = {
        "total_amount": event.total.amount,
        "total_currency": event.total.currency,
        "payment_token": payment_token,
        "placed_at": placed_at,
        "skus": [line.sku for line in lines],
        "names": [line.name for line in lines],
        "quantities": [line.quantity for line in lines],
        "unit_amounts": [line.unit_price.amount for line in lines],
        "body": answer.body,
    }
    await _write(connection, PLACEMENT, attempt, status=answer.status, event=event, headers=headers, more=parameters)


async def before_cancellation(
    connection: AsyncConnection, customer_id: UUID, attempt: Attempt, order_id: UUID
) -> BeforeCancellation:
    parameters = {
        "customer_id": customer_id,
        "principal": key_owner(customer_id),
        "key": attempt.key,
        "order_id": order_id,
    }
    row = (await connection.execute(BEFORE_CANCELLATION, parameters)).one()
    return BeforeCancellation(row.active, _stored(row), row.state)


async def write_cancellation(
    connection: AsyncConnection,
    attempt: Attempt,
    status: int,
    event: OrderCancellationRequested,
    *,
    headers: Mapping[str, str],
) -> Answer:
    """Write event, timeline and answer; a problem when another request holds the attempt's key."""
    written = await _write(connection, CANCELLATION, attempt, status=status, event=event, headers=headers, more={})
    return Answer(status, written)


async def _write(
    connection: AsyncConnection,
    statement: TextClause,
    attempt: Attempt,
    *,
    status: int,
    event: OrderPlaced | OrderCancellationRequested,
    headers: Mapping[str, str],
    more: Mapping[str, Any],
) -> str:
    principal, event_type = key_owner(event.customer_id), event_type_of(event)
    try:
        written = await connection.execute(
            statement,
            {
                "lock": lock_number(principal, attempt.key),
                "customer_id": event.customer_id,
                "order_id": event.order_id,
                "aggregate_type": event_type.aggregate_type,
                "event_type": event_type.name,
                "payload": event.model_dump_json(),
                "headers": json.dumps(headers),
                "traceparent": headers.get("traceparent", ""),
                "principal": principal,
                "key": attempt.key,
                "request_hash": attempt.request_hash,
                "status": status,
                **more,
            },
        )
    except IntegrityError as error:
        # Another one was written since this one looked; the statement took everything back.
        if isinstance(error.orig, UniqueViolation) and error.orig.diag.table_name == "orders_idempotencykey":
            raise in_progress() from error
        raise
    row = written.one_or_none()
    if row is None:
        raise in_progress()
    return str(row[0])


def _stored(row: Row[Any]) -> StoredAnswer | None:
    if row.request_hash is None:
        return None
    return StoredAnswer(row.request_hash, Answer(row.response_status, row.response_body, replayed=True))
