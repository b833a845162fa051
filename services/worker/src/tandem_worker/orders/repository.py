"""Orders and their timeline, in SQL."""

import time
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderEvent
from tandem_contracts.payloads import Money
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import trace_headers
from tandem_tables import timeline
from tandem_tables.orders import Order, OrderLine

from tandem_worker.orders.metrics import TIME_TO_STATE, TRANSITIONS

State = Literal["placed", "reserved", "paid", "shipped", "delivered", "rejected", "cancelled", "refunded"]


async def get_order(session: AsyncSession, order_id: UUID) -> Order:
    """The order; NoResultFound when there is none, which makes the event that names it poison."""
    return (await session.execute(select(Order).where(Order.id == order_id))).scalar_one()


async def lock_order(session: AsyncSession, order_id: UUID) -> Order:
    """The order, locked until the transaction ends. Locks are taken in one order: order, payment attempt, stock.

    FOR NO KEY UPDATE: a plain lock would also stop those who only refer to the order. A request of staff or a customer
    holds the stream's head when its timeline entry refers to the order; we would wait for each other.
    """
    query = select(Order).where(Order.id == order_id).with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one()


def total_of(order: Order) -> Money:
    return Money(amount=order.total_amount, currency=order.total_currency)


async def lines_of(session: AsyncSession, order_id: UUID) -> Sequence[OrderLine]:
    """In the order of their SKUs: everybody locks stock in the same order, so nobody deadlocks."""
    return (
        await session.scalars(select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.sku))
    ).all()


async def enter_state(session: AsyncSession, state: State, payload: OrderEvent) -> None:
    """Move the order that `payload` is about, which is locked, to `state`, and state the event that says so."""
    await timeline.enter_state(session, payload, state, headers=trace_headers())
    TRANSITIONS.labels(state=state).inc()
    TIME_TO_STATE.labels(state=state).observe(max(0.0, time.time() - _placed_at(payload.order_id)), exemplar())


def _placed_at(order_id: UUID) -> float:
    """When the order was inserted, in seconds since 1970: a UUIDv7 begins with it, in milliseconds."""
    return (order_id.int >> 80) / 1000
