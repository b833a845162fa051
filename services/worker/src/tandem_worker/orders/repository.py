"""Orders and their timeline, in SQL."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.payloads import Money, Payload
from tandem_contracts.registry import event_type_of
from tandem_runtime.tracing import trace_headers
from tandem_tables.events import append_event
from tandem_tables.orders import Order, OrderLine, TimelineEntry

from tandem_worker.orders.metrics import TRANSITIONS

State = Literal["placed", "reserved", "paid", "shipped", "delivered", "rejected", "cancelled", "refunded"]


async def get_order(session: AsyncSession, order_id: UUID) -> Order:
    """The order; NoResultFound when there is none, which makes the event that names it poison."""
    return (await session.execute(select(Order).where(Order.id == order_id))).scalar_one()


async def lock_order(session: AsyncSession, order_id: UUID) -> Order:
    """The order, locked until the transaction ends. Locks are taken in one order: order, payment attempt, stock."""
    return (await session.execute(select(Order).where(Order.id == order_id).with_for_update())).scalar_one()


def total_of(order: Order) -> Money:
    return Money(amount=order.total_amount, currency=order.total_currency)


async def lines_of(session: AsyncSession, order_id: UUID) -> Sequence[OrderLine]:
    """In the order of their SKUs: everybody locks stock in the same order, so nobody deadlocks."""
    return (
        await session.scalars(select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.sku))
    ).all()


async def enter_state(session: AsyncSession, order: Order, state: State, payload: Payload) -> None:
    """Move the locked `order` to `state`, and state the event that says so."""
    await session.execute(update(Order).where(Order.id == order.id).values(state=state))
    await state_event(session, order.id, payload, entered=state)
    TRANSITIONS.labels(state=state).inc()


async def state_event(session: AsyncSession, order_id: UUID, payload: Payload, *, entered: State | None = None) -> None:
    """Append an event to the order's stream and keep it in the timeline."""
    headers = trace_headers()
    version = await append_event(session, order_id, payload, headers)
    await session.execute(
        insert(TimelineEntry).values(
            order_id=order_id,
            version=version,
            event_type=event_type_of(payload).name,
            state=entered,
            payload=payload.model_dump(mode="json"),
            traceparent=headers.get("traceparent", ""),
        )
    )
