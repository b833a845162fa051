"""Orders in the database. Every query of an order names its owner."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.orders import Order, OrderLine, TimelineEntry


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


async def insert_order(session: AsyncSession, order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Order:
    """Insert order and lines, in the order of `lines`; each takes the columns of its table."""
    stored = (await session.scalars(insert(Order).values(**order).returning(Order))).one()
    rows = [{"order_id": stored.id, "position": position, **line} for position, line in enumerate(lines, start=1)]
    await session.execute(insert(OrderLine).values(rows))
    return stored
