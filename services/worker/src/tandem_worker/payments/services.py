"""Collecting an order's total.

A statement, which is a transaction, records the attempt; then the provider is called with no transaction open and the
attempt's id as idempotency key; a second transaction records the outcome. A crash between them repeats the call, which
collects once.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderPaid, OrderRejected
from tandem_contracts.payloads import Money
from tandem_tables.hints import OutboxHint

from tandem_worker.consumer.handlers import PoisonError, RetryableError, retry_reason
from tandem_worker.database import SessionFactory, autocommit
from tandem_worker.orders import repository as orders
from tandem_worker.orders import stock
from tandem_worker.payments import repository
from tandem_worker.payments.metrics import UNSETTLED
from tandem_worker.payments.provider import Captured, Declined, PaymentProvider, Unknown
from tandem_worker.waiting import stopped_within

RECONCILED_AT_ONCE = 50
log = structlog.get_logger()


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

    async def give_back(self, order_id: UUID, *, only_from: Collection[str]) -> Money | None:
        """Refund what was captured, if the order's state is one of `only_from`; None when there is nothing to refund.

        RetryableError when the answer is unknown.
        """
        async with self._sessions() as session:
            order = await orders.get_order(session, order_id)
            attempt = await repository.find_open_attempt(session, order_id)
        if order.state not in only_from or attempt is None or attempt.state != "captured":
            return None
        amount = Money(amount=attempt.amount, currency=attempt.currency)
        outcome = await self._provider.refund(attempt.id, provider_id=attempt.provider_id, amount=amount)
        if isinstance(outcome, Unknown):
            raise RetryableError(f"refund unknown: {outcome.reason}")
        return amount

    async def reconcile(self, stop: asyncio.Event, *, pause_seconds: float) -> None:
        """Ask again, until `stop`, about every attempt without a clear answer. Replicas may do the same: one key.

        Each round goes on behind the last one's end, so that none waits for those before it to become clear.
        """
        behind: UUID | None = None
        while not await stopped_within(stop, pause_seconds):
            try:
                async with self._sessions() as session:
                    unsettled = await repository.unsettled_attempts(
                        session, older_than_seconds=pause_seconds, behind=behind, limit=RECONCILED_AT_ONCE
                    )
            except Exception as error:
                if not retry_reason(error):
                    raise
                log.warning("reconciliation waits", error=repr(error))
                continue
            for attempt_id, order_id in unsettled:
                if stop.is_set():
                    return
                behind = attempt_id
                await self._settle_quietly(order_id)
            if len(unsettled) < RECONCILED_AT_ONCE:
                behind = None

    async def _settle_quietly(self, order_id: UUID) -> None:
        """One order that cannot be settled must not keep the others from it, whatever the reason."""
        try:
            if await self.settle(order_id):
                log.info("payment settled", order_id=str(order_id))
        except Exception as error:
            if retry_reason(error):  # the next round asks again
                log.warning("payment still unknown", order_id=str(order_id), error=str(error))
            else:
                UNSETTLED.inc()
                log.exception("payment cannot be settled", order_id=str(order_id))


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
