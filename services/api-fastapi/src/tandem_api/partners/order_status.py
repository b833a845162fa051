"""The state of orders, for partners. The one query that names no owner: it tells nothing about whose they are."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.orders import Order, TimelineEntry

from tandem_api.partners.schemas import OrderStatus


async def order_states(session: AsyncSession, ids: Sequence[UUID]) -> Mapping[UUID, OrderStatus]:
    """By id, those of `ids` that are orders."""
    since = (
        select(func.max(TimelineEntry.occurred_at))
        .where(TimelineEntry.order_id == Order.id, TimelineEntry.state == Order.state)
        .scalar_subquery()
    )
    query = select(Order.id, Order.state, func.coalesce(since, Order.placed_at)).where(Order.id.in_(ids))
    return {
        order_id: OrderStatus(id=order_id, state=state, changed_at=changed_at)
        for order_id, state, changed_at in await session.execute(query)
    }
