"""Payment attempts, in SQL."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.payloads import Money
from tandem_tables.orders import Order, PaymentAttempt

from tandem_worker.consumer.handlers import RetryableError
from tandem_worker.payments.reconciliation import Unsettled

OPEN = ("sending", "unknown", "captured")


# The order is locked: else a cancellation could, behind our read, refund the open attempt and make room for a second.
OPEN_ATTEMPT = text("""
    WITH reserved AS MATERIALIZED (
        SELECT id, total_amount, total_currency, payment_token FROM orders_order
        WHERE id = CAST(:order_id AS uuid) AND state = 'reserved'
        FOR NO KEY UPDATE
    ), opened AS (
        INSERT INTO orders_paymentattempt (order_id, amount, currency)
        SELECT id, total_amount, total_currency FROM reserved
        ON CONFLICT (order_id) WHERE state IN ('sending', 'unknown', 'captured') DO NOTHING
        RETURNING id
    )
    SELECT coalesce(opened.id, known.id), reserved.total_amount, reserved.total_currency, reserved.payment_token
    FROM reserved
    LEFT JOIN opened ON true
    LEFT JOIN orders_paymentattempt AS known
      ON known.order_id = reserved.id AND known.state IN ('sending', 'unknown', 'captured')
""")


class OpenAttempt(NamedTuple):
    """What the provider is asked for: an attempt's id is the idempotency key, `payment_token` stands for the card."""

    id: UUID
    amount: Money
    payment_token: str


async def open_attempt(session: AsyncSession, order_id: UUID) -> OpenAttempt | None:
    """The order's one attempt that took money or may have, made now if there is none; None unless it is reserved.

    A unique index allows one per order, whatever runs side by side. One statement: it needs no transaction around it.
    RetryableError when somebody else makes it at this moment.
    """
    row = (await session.execute(OPEN_ATTEMPT, {"order_id": order_id})).one_or_none()
    if row is None:
        return None
    attempt_id, amount, currency, payment_token = row
    if attempt_id is None:
        raise RetryableError("the payment attempt was made meanwhile")
    return OpenAttempt(attempt_id, Money(amount=amount, currency=currency), payment_token)


async def find_open_attempt(session: AsyncSession, order_id: UUID) -> PaymentAttempt | None:
    return await session.scalar(
        select(PaymentAttempt).where(PaymentAttempt.order_id == order_id, PaymentAttempt.state.in_(OPEN))
    )


async def settle(
    session: AsyncSession, attempt_id: UUID, state: str, *, provider_id: str = "", decline_code: str = ""
) -> bool:
    """Record what the provider said; False when the attempt has had a clear answer before."""
    settled = await session.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id == attempt_id, PaymentAttempt.state.in_(("sending", "unknown")))
        .values(state=state, provider_id=provider_id, decline_code=decline_code)
        .returning(PaymentAttempt.id)
    )
    return settled.scalar_one_or_none() is not None


async def mark_refunded(session: AsyncSession, attempt_id: UUID) -> None:
    await session.execute(update(PaymentAttempt).where(PaymentAttempt.id == attempt_id).values(state="refunded"))


async def unsettled_attempts(
    session: AsyncSession, *, older_than_seconds: float, behind: UUID | None, limit: int
) -> Sequence[Unsettled]:
    """Attempts without a clear answer, the oldest first, from the one behind `behind` on."""
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
    return [Unsettled(attempt_id, order_id) for attempt_id, order_id in await session.execute(query)]
