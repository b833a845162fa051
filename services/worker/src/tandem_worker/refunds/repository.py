"""Refunds, in SQL. An order's amounts change with its refunds; whoever changes them holds the order's lock."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.payloads import Money
from tandem_tables.orders import Order
from tandem_tables.refunds import Refund

from tandem_worker.payments.reconciliation import Unsettled

OPEN = ("sending", "unknown")
REQUEST = "order.refund_requested.v1"


async def find_refund(session: AsyncSession, refund_id: UUID) -> Refund | None:
    return await session.get(Refund, refund_id)


async def record_refund(
    session: AsyncSession,
    order: Order,
    refund_id: UUID,
    *,
    request_version: int,
    request_type: str,
    amount: Money,
    reason: str,
) -> None:
    """Set `amount` of what the order's customer paid aside, to be given back."""
    await session.execute(
        update(Order).where(Order.id == order.id).values(refunding_amount=Order.refunding_amount + amount.amount)
    )
    await session.execute(
        insert(Refund).values(
            id=refund_id,
            order_id=order.id,
            request_version=request_version,
            request_type=request_type,
            amount=amount.amount,
            currency=amount.currency,
            reason=reason,
        )
    )


async def mark_unknown(session: AsyncSession, refund_id: UUID) -> None:
    await session.execute(
        update(Refund).where(Refund.id == refund_id, Refund.state == "sending").values(state="unknown")
    )


async def confirm_refund(session: AsyncSession, refund: Refund) -> Order | None:
    """Record that the money went back: the order as it is then; None when that was known before."""
    confirmed = await session.execute(
        update(Refund)
        .where(Refund.id == refund.id, Refund.state.in_(OPEN))
        .values(state="refunded")
        .returning(Refund.id)
    )
    if confirmed.scalar_one_or_none() is None:
        return None
    moved = await session.scalars(
        update(Order)
        .where(Order.id == refund.order_id)
        .values(
            refunding_amount=Order.refunding_amount - refund.amount,
            refunded_amount=Order.refunded_amount + refund.amount,
        )
        .returning(Order)
        .execution_options(populate_existing=True)
    )
    return moved.one()


async def open_refunds(session: AsyncSession, order_id: UUID) -> Sequence[UUID]:
    """The refunds that were asked for as such and have no clear answer, in the order of their requests."""
    query = (
        select(Refund.id)
        .where(Refund.order_id == order_id, Refund.state.in_(OPEN), Refund.request_type == REQUEST)
        .order_by(Refund.request_version)
    )
    return (await session.scalars(query)).all()


async def unsettled_refunds(
    session: AsyncSession, *, older_than_seconds: float, behind: UUID | None, limit: int
) -> Sequence[Unsettled]:
    """Refunds without a clear answer, the oldest first, from the one behind `behind` on.

    Not those of cancellations: such an event waits in its place until its refund is clear.
    """
    query = (
        select(Refund.id, Refund.order_id)
        .where(
            text("refunds_refund.state IN ('sending', 'unknown')"),  # as in the index
            Refund.request_type == REQUEST,
            Refund.created_at < func.now() - timedelta(seconds=older_than_seconds),
        )
        .order_by(Refund.id)
        .limit(limit)
    )
    if behind is not None:
        query = query.where(Refund.id > behind)
    return [Unsettled(refund_id, order_id) for refund_id, order_id in await session.execute(query)]
