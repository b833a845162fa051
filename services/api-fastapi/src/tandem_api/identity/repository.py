"""Customers in the database."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.users import User


async def active_customer(session: AsyncSession, customer_id: UUID) -> User | None:
    return (await session.scalars(select(User).where(User.id == customer_id, User.is_active))).one_or_none()


async def deactivated_customers(session: AsyncSession, among: Collection[UUID] | None = None) -> Sequence[UUID]:
    """The ids of all deactivated customers, or of those in `among`."""
    query = select(User.id).where(~User.is_active)
    if among is not None:
        query = query.where(User.id.in_(among))
    return (await session.scalars(query)).all()
