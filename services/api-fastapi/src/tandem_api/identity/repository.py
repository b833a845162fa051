"""Customers in the database."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tandem_tables.users import User


async def active_customer(session: AsyncSession, customer_id: UUID) -> User | None:
    return (await session.scalars(select(User).where(User.id == customer_id, User.is_active))).one_or_none()


async def rename(connection: AsyncConnection, customer_id: UUID, name: str) -> Row[UUID, str, str] | None:
    """Give an active customer another name; returns what is known of them then, None when they are not active."""
    changed = await connection.execute(
        update(User)
        .where(User.id == customer_id, User.is_active)
        .values(name=name)
        .returning(User.id, User.email, User.name)
    )
    return changed.one_or_none()


async def deactivated_customers(session: AsyncSession, among: Collection[UUID] | None = None) -> Sequence[UUID]:
    """The ids of all deactivated customers, or of those in `among`."""
    query = select(User.id).where(~User.is_active)
    if among is not None:
        query = query.where(User.id.in_(among))
    return (await session.scalars(query)).all()
