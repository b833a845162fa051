"""Giving money back.

A transaction sets the amount aside and records the refund; then the provider is called with no transaction open and the
id of the event that asked for it as idempotency key; a second transaction records the outcome. A crash between them
repeats the call, which gives back once.
"""

import asyncio
from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event
from tandem_contracts.orders import OrderPartiallyRefunded, OrderRefunded
from tandem_contracts.payloads import Money
from tandem_runtime.tracing import trace_headers
from tandem_tables.hints import OutboxHint
from tandem_tables.orders import Order
from tandem_tables.refunds import Refund
from tandem_tables.timeline import append_to_timeline

from tandem_worker.consumer.handlers import PoisonError, RetryableError
from tandem_worker.consumer.positions import aggregate_of, find_position
from tandem_worker.database import SessionFactory
from tandem_worker.orders import repository as orders
from tandem_worker.orders import stock
from tandem_worker.payments import repository as attempts
from tandem_worker.payments.provider import PaymentProvider, Refunded, Unknown
from tandem_worker.payments.reconciliation import Unsettled, reconcile
from tandem_worker.refunds import repository
from tandem_worker.refunds.decisions import Refusal, amount_to_refund

Outcome = Refunded | Unknown


class Refunds:
    """The two transactions around the provider. `consumer` is the one whose events ask for refunds."""

    def __init__(self, consumer: str, sessions: SessionFactory, provider: PaymentProvider, hint: OutboxHint) -> None:
        self._consumer = consumer
        self._sessions = sessions
        self._provider = provider
        self._hint = hint

    async def give_back(
        self, event: Event, wanted: Money | None, *, reason: str, only_from: Collection[str]
    ) -> Outcome | None:
        """Give back what `event` asks for, all that is left if it names no amount; None when that is not allowed."""
        async with self._sessions.begin() as session:
            order = await orders.lock_order(session, event.aggregate_id)
            if await repository.find_refund(session, event.id) is None:
                # We may have slept since the event was due, and another process have refused it: then it stays refused.
                position = await find_position(session, self._consumer, aggregate_of(event))
                amount = amount_to_refund(order, wanted, only_from=only_from)
                if isinstance(amount, Refusal) or (position is not None and position >= event.version):
                    return None
                await repository.record_refund(
                    session,
                    order,
                    event.id,
                    request_version=event.version,
                    request_type=event.type,
                    amount=amount,
                    reason=reason,
                )
        return await self._ask(event.id)

    async def settle(self, refund_id: UUID) -> None:
        """Ask again, and record the answer. RetryableError when it is unknown."""
        outcome = await self._ask(refund_id)
        if isinstance(outcome, Unknown):
            raise RetryableError(f"refund unknown: {outcome.reason}")
        async with self._sessions.begin() as session:
            await record_refunded(session, refund_id)
        self._hint.give()

    async def settle_open(self, order_id: UUID) -> None:
        """Settle all that was asked for before. RetryableError when one is unknown."""
        async with self._sessions() as session:
            refunds = await repository.open_refunds(session, order_id)
        for refund_id in refunds:
            await self.settle(refund_id)

    async def reconcile(self, stop: asyncio.Event, *, pause_seconds: float) -> None:
        """Ask again, until `stop`, about every refund without a clear answer."""
        await reconcile(
            self._sessions, repository.unsettled_refunds, self._settle_one, stop, pause_seconds=pause_seconds
        )

    async def _settle_one(self, unsettled: Unsettled) -> bool:
        await self.settle(unsettled.id)
        return True

    async def _ask(self, refund_id: UUID) -> Outcome:
        async with self._sessions() as session:
            refund = await _known(session, refund_id)
            attempt = await attempts.find_open_attempt(session, refund.order_id)
        if refund.state == "refunded":
            return Refunded()
        if attempt is None or attempt.state != "captured":
            raise PoisonError(f"refund {refund_id} is {refund.state}, but its order has no captured payment")
        outcome = await self._provider.refund(
            refund_id,
            provider_id=attempt.provider_id,
            amount=Money(amount=refund.amount, currency=refund.currency),
        )
        if isinstance(outcome, Unknown):
            async with self._sessions.begin() as session:
                await repository.mark_unknown(session, refund_id)
        return outcome


async def record_refunded(session: AsyncSession, refund_id: UUID) -> None:
    """Record that the provider gave the money back, and state it: part of the total, or by now all of it."""
    refund = await _known(session, refund_id)
    await orders.lock_order(session, refund.order_id)
    order = await confirm(session, refund)
    if order is None:
        return  # the handler and the reconciler both asked; the other was first
    amount = Money(amount=refund.amount, currency=refund.currency)
    back = refunded_of(order)
    ids = {"order_id": order.id, "customer_id": order.customer_id}
    said = {"reason": refund.reason, "request_version": refund.request_version}
    if back.amount < order.total_amount:
        partially = OrderPartiallyRefunded(**ids, **said, amount=amount, refunded=back)
        await append_to_timeline(session, partially, state=None, headers=trace_headers())
        return
    if order.state == "paid":  # later the goods have left: what comes back is a stock receipt
        await stock.release(session, order.id, await orders.lines_of(session, order.id))
    await orders.enter_state(session, "refunded", OrderRefunded(**ids, **said, amount=back, last_amount=amount))


async def confirm(session: AsyncSession, refund: Refund) -> Order | None:
    """Record that `refund`, whose order is locked, was given back; None when that was known before."""
    order = await repository.confirm_refund(session, refund)
    if order is not None and order.refunded_amount == order.total_amount:
        attempt = await attempts.find_open_attempt(session, order.id)
        if attempt is not None:
            await attempts.mark_refunded(session, attempt.id)
    return order


def refunded_of(order: Order) -> Money:
    return Money(amount=order.refunded_amount, currency=order.total_currency)


async def _known(session: AsyncSession, refund_id: UUID) -> Refund:
    refund = await repository.find_refund(session, refund_id)
    if refund is None:
        raise PoisonError(f"there is no refund {refund_id}")
    return refund
