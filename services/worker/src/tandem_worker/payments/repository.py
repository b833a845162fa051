"""Payment attempts, in SQL."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.orders import Order, PaymentAttempt

OPEN = ("sending", "unknown", "captured")


async def open_attempt(session: AsyncSession, order: Order) -> PaymentAttempt:
    """The order's one attempt that took money or may have, made now if there is none.

    A unique index allows one per order, whatever runs side by side.
    """
    await session.execute(
        insert(PaymentAttempt)
        .values(order_id=order.id, amount=order.total_amount, currency=order.total_currency)
        .on_conflict_do_nothing(
            index_elements=[PaymentAttempt.order_id], index_where=text("state IN ('sending', 'unknown', 'captured')")
        )
    )
    return (
        await session.execute(
            select(PaymentAttempt).where(PaymentAttempt.order_id == order.id, PaymentAttempt.state.in_(OPEN))
        )
    ).scalar_one()


async def find_open_attempt(session: AsyncSession, order_id: UUID) -> PaymentAttempt | None:
    return await session.scalar(
        select(PaymentAttempt).where(PaymentAttempt.order_id == order_id, PaymentAttempt.state.in_(OPEN))
    )


async def get_attempt(session: AsyncSession, attempt_id: UUID) -> PaymentAttempt:
    return (await session.execute(select(PaymentAttempt).where(PaymentAttempt.id == attempt_id))).scalar_one()


async def set_state(
    session: AsyncSession, attempt_id: UUID, state: str, *, provider_id: str | None = None, decline_code: str = ""
) -> None:
    values = {"state": state} | ({} if provider_id is None else {"provider_id": provider_id})
    if decline_code:
        values["decline_code"] = decline_code
    await session.execute(update(PaymentAttempt).where(PaymentAttempt.id == attempt_id).values(values))


async def unsettled_attempts(
    session: AsyncSession, *, older_than_seconds: float, behind: UUID | None, limit: int
) -> Sequence[tuple[UUID, UUID]]:
    """Attempts without a clear answer and their orders, the oldest first, from the one behind `behind` on."""
    query = (
        select(PaymentAttempt.id, PaymentAttempt.order_id)
        .join(Order, Order.id == PaymentAttempt.order_id)
        .where(
            # as in the index, so that settled attempts are not even looked at
            text("orders_paymentattempt.state IN ('sending', 'unknown')"),
            Order.state == "reserved",
            PaymentAttempt.created_at < func.now() - timedelta(seconds=older_than_seconds),
        )
        .order_by(PaymentAttempt.id)
        .limit(limit)
    )
    if behind is not None:
        query = query.where(PaymentAttempt.id > behind)
    return [(attempt_id, order_id) for attempt_id, order_id in await session.execute(query)]
