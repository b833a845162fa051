"""Orders in the database. Every query of an order names its owner."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tandem_contracts.orders import OrderCancellationRequested, OrderPlaced
from tandem_contracts.payloads import Money
from tandem_contracts.registry import event_type_of
from tandem_tables.addresses import ShippingAddress
from tandem_tables.catalog import Product
from tandem_tables.inventory import Stock
from tandem_tables.orders import Order, OrderLine, TimelineEntry

from tandem_api.catalog.repository import PUBLISHED
from tandem_api.orders.idempotency import Answer, Attempt, StoredAnswer, key_owner, stored_answer, write_once
from tandem_api.orders.schemas import Line
from tandem_api.orders.statements import (
    ANSWER,
    BEFORE_CANCELLATION,
    BEFORE_PLACEMENT,
    CANCELLATION,
    PENDING_REQUEST,
    PLACEMENT,
)

CANCELLATION_REQUESTED = "order.cancellation_requested.v1"


@dataclass(frozen=True, slots=True)
class ProductForSale:
    """What is sold, and for how much, is decided by the database and not by the cache."""

    name: str
    price: Money


@dataclass(frozen=True, slots=True)
class Offer:
    """A product for sale, and how many pieces of it are there."""

    product: ProductForSale
    available: int


@dataclass(frozen=True, slots=True)
class BeforePlacement:
    """`products` are those of the SKUs asked for that are published, by SKU; `address` is the customer's own."""

    active: bool
    stored: StoredAnswer | None
    order_id: UUID
    placed_at: datetime
    products: Mapping[str, ProductForSale]
    address: Mapping[str, str] | None


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


async def latest_versions(session: AsyncSession, order_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """The latest version in the timeline of each: for those who know whose they are, and tell nobody."""
    query = (
        select(TimelineEntry.order_id, func.max(TimelineEntry.version))
        .where(TimelineEntry.order_id.in_(order_ids))
        .group_by(TimelineEntry.order_id)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


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


async def shipping_address(session: AsyncSession, order_id: UUID, owner: UUID) -> ShippingAddress | None:
    query = (
        select(ShippingAddress)
        .join(Order, Order.id == ShippingAddress.order_id)
        .where(Order.id == order_id, Order.customer_id == owner)
    )
    return (await session.scalars(query)).one_or_none()


async def find_offers(session: AsyncSession, skus: Sequence[str]) -> Mapping[str, Offer]:
    """Those of the SKUs that are for sale, and how many pieces of them are there."""
    query = (
        select(Product, func.coalesce(Stock.available, 0))
        .outerjoin(Stock, Stock.sku == Product.sku)
        .where(Product.sku.in_(skus), Product.status == PUBLISHED)
    )
    return {
        product.sku: Offer(
            ProductForSale(product.name, Money(amount=product.price_amount, currency=product.price_currency)), available
        )
        for product, available in await session.execute(query)
    }


async def before_placement(
    connection: AsyncConnection,
    customer_id: UUID,
    attempt: Attempt,
    skus: Sequence[str],
    *,
    from_own: bool,
    address_id: UUID | None,
) -> BeforePlacement:
    """`from_own` asks for one of the customer's addresses: that of `address_id`, or the default one."""
    parameters = {
        "customer_id": customer_id,
        "principal": key_owner(customer_id),
        "key": attempt.key,
        "skus": skus,
        "from_own": from_own,
        "address_id": address_id,
    }
    row = (await connection.execute(BEFORE_PLACEMENT, parameters)).one()
    products = {
        product["sku"]: ProductForSale(
            product["name"], Money(amount=product["price_amount"], currency=product["price_currency"])
        )
        for product in row.products or ()
    }
    return BeforePlacement(row.active, stored_answer(row), row.order_id, row.placed_at, products, row.address)


async def write_placement(
    connection: AsyncConnection,
    attempt: Attempt,
    answer: Answer,
    event: OrderPlaced,
    lines: Sequence[Line],
    *,
    address: Mapping[str, str] | None,
    payment_token: str,
    placed_at: datetime,
    headers: Mapping[str, str],
) -> None:
    """Write order, its parts, event, timeline and answer; a problem when another request holds the attempt's key."""
    parameters = {
        "total_amount": event.total.amount,
        "total_currency": event.total.currency,
        "address": None if address is None else json.dumps(address),
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
    return BeforeCancellation(row.active, stored_answer(row), row.state)


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


async def pending_cancellation(connection: AsyncConnection, order_id: UUID) -> int | None:
    """The version of the request that the order process has not yet handled; None when there is none."""
    parameters = {"order_id": order_id, "event_type": CANCELLATION_REQUESTED}
    version: int | None = (await connection.execute(PENDING_REQUEST, parameters)).scalar_one_or_none()
    return version


async def write_answer(connection: AsyncConnection, customer_id: UUID, attempt: Attempt, answer: Answer) -> None:
    """Write the answer to a request that changes nothing."""
    await write_once(
        connection,
        ANSWER,
        attempt,
        principal=key_owner(customer_id),
        parameters={"status": answer.status, "body": answer.body},
    )


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
    event_type = event_type_of(event)
    parameters = {
        "customer_id": event.customer_id,
        "order_id": event.order_id,
        "aggregate_type": event_type.aggregate_type,
        "event_type": event_type.name,
        "payload": event.model_dump_json(),
        "headers": json.dumps(headers),
        "traceparent": headers.get("traceparent", ""),
        "status": status,
        **more,
    }
    return await write_once(
        connection, statement, attempt, principal=key_owner(event.customer_id), parameters=parameters
    )
