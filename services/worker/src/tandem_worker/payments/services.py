"""Collecting an order's total.

A statement, which is a transaction, records the attempt; then the provider is called with no transaction open and the
attempt's id as idempotency key; a second transaction records the outcome. A crash between them repeats the call, which
collects once.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderPaid, OrderRejected
from tandem_tables.hints import OutboxHint

from tandem_worker.consumer.handlers import PoisonError, RetryableError
from tandem_worker.database import SessionFactory, autocommit
from tandem_worker.orders import repository as orders
from tandem_worker.orders import stock
from tandem_worker.payments import repository
from tandem_worker.payments.provider import Captured, Declined, PaymentProvider, Unknown
from tandem_worker.payments.reconciliation import Unsettled, reconcile


@dataclass(frozen=True, slots=True)
class Answer:
    attempt_id: UUID
    outcome: Captured | Declined | Unknown


class Payments:
    """The two transactions around the provider."""

    def __init__(self, sessions: SessionFactory, provider: PaymentProvider, hint: OutboxHint) -> None:
        self._sessions = sessions
        self._hint = hint
        self._provider = provider

    async def ask(self, order_id: UUID) -> Answer | None:
        """Record the attempt, then collect the order's total; None when the order is not to be paid (any more)."""
        async with autocommit(self._sessions) as session:
            attempt = await repository.open_attempt(session, order_id)
        if attempt is None:
            return None
        outcome = await self._provider.capture(
            attempt.id, order_id=order_id, amount=attempt.amount, payment_token=attempt.payment_token
        )
        return Answer(attempt.id, outcome)

    async def settle(self, order_id: UUID) -> bool:
        """Ask, and record the answer; False when there was nothing to ask. RetryableError when it is unknown."""
        answer = await self.ask(order_id)
        if answer is None:
            return False
        async with self._sessions.begin() as session:
            await record_answer(session, order_id, answer)
        self._hint.give()
        if isinstance(answer.outcome, Unknown):
            raise RetryableError(f"payment unknown: {answer.outcome.reason}")
        return True

    async def is_under_way(self, order_id: UUID) -> bool:
        """Tell whether the provider was asked and has not yet given a clear answer."""
        async with self._sessions() as session:
            attempt = await repository.find_open_attempt(session, order_id)
        return attempt is not None and attempt.state != "captured"

    async def reconcile(self, stop: asyncio.Event, *, pause_seconds: float) -> None:
        """Ask again, until `stop`, about every attempt without a clear answer."""
        await reconcile(
            self._sessions, repository.unsettled_attempts, self.settle_one, stop, pause_seconds=pause_seconds
        )

    async def settle_one(self, unsettled: Unsettled) -> bool:
        return await self.settle(unsettled.order_id)


async def record_answer(session: AsyncSession, order_id: UUID, answer: Answer) -> None:
    """Record what the provider said, and carry the order on."""
    order = await orders.lock_order(session, order_id)
    attempt_id = answer.attempt_id
    match answer.outcome:
        case Unknown():
            news = await repository.settle(session, attempt_id, "unknown")
        case Captured(provider_id):
            news = await repository.settle(session, attempt_id, "captured", provider_id=provider_id)
        case Declined(provider_id, code):
            news = await repository.settle(session, attempt_id, "declined", provider_id=provider_id, decline_code=code)
    if not news:
        return  # the handler and the reconciler both asked; the other was first
    if order.state != "reserved":
        raise PoisonError(f"order {order_id} is {order.state} while its payment attempt {attempt_id} is open")
    match answer.outcome:
        case Captured():
            paid = OrderPaid(
                order_id=order_id,
                customer_id=order.customer_id,
                payment_attempt_id=attempt_id,
                amount=orders.total_of(order),
            )
            await orders.enter_state(session, "paid", paid)
        case Declined(_, code):
            await stock.release(session, order_id, await orders.lines_of(session, order_id))
            rejected = OrderRejected(
                order_id=order_id, customer_id=order.customer_id, reason="payment_declined", detail=code
            )
            await orders.enter_state(session, "rejected", rejected)
