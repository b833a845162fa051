"""The order process: what follows from each event of an order's stream.

Only this process changes an order's state after placement. A customer's or the staff's wish is an event in the same
stream, so everything that happens to an order has one total order.
"""

from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts import topics
from tandem_contracts.envelope import Event
from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderDelivered,
    OrderDeliveryRegistered,
    OrderPlaced,
    OrderRefundRequested,
    OrderRejected,
    OrderRequestRefused,
    OrderReserved,
    OrderShipmentRegistered,
    OrderShipped,
)
from tandem_contracts.payloads import Payload
from tandem_runtime.tracing import trace_headers
from tandem_tables.orders import Order
from tandem_tables.timeline import append_to_timeline

from tandem_worker.consumer.handlers import Consumer, Handler, PoisonError, RetryableError
from tandem_worker.orders import metrics, stock
from tandem_worker.orders.repository import enter_state, lines_of, lock_order
from tandem_worker.payments.provider import Refunded, Unknown
from tandem_worker.payments.services import Answer, Payments, record_answer
from tandem_worker.refunds.decisions import REFUNDABLE, Refusal, amount_to_refund, refusal_to_go_on
from tandem_worker.refunds.repository import find_refund
from tandem_worker.refunds.services import Outcome, Refunds, confirm, record_refunded, refunded_of

NAME = "tandem-orders"
P = TypeVar("P", bound=Payload)


def order_process(payments: Payments, refunds: Refunds) -> Consumer:
    """The consumer `tandem-orders`."""
    process = OrderProcess(payments, refunds)
    return Consumer(
        name=NAME,
        topics=(topics.ORDERS.name,),
        handlers={
            "order.placed.v1": Handler(process.reserve_stock),
            "order.reserved.v1": Handler(process.record_payment, prepare=process.collect_payment),
            "order.shipment_registered.v1": Handler(process.ship),
            "order.delivery_registered.v1": Handler(process.deliver),
            "order.cancellation_requested.v1": Handler(process.cancel, prepare=process.refund_before_cancellation),
            "order.refund_requested.v1": Handler(process.refund, prepare=process.give_money_back),
        },
    )


class OrderProcess:
    def __init__(self, payments: Payments, refunds: Refunds) -> None:
        self._payments = payments
        self._refunds = refunds

    async def reserve_stock(self, session: AsyncSession, event: Event, _: Any) -> None:
        placed = _payload(event, OrderPlaced)
        order = await lock_order(session, placed.order_id)
        if order.state != "placed":
            raise PoisonError(f"order {order.id} is {order.state} before its stock was reserved")
        ids = {"order_id": order.id, "customer_id": order.customer_id}
        short = await stock.reserve(session, order.id, placed.lines)
        if short is None:
            await enter_state(session, "reserved", OrderReserved(**ids))
        else:
            await enter_state(session, "rejected", OrderRejected(**ids, reason="out_of_stock", detail=short))

    async def collect_payment(self, event: Event) -> Answer | None:
        return await self._payments.ask(_payload(event, OrderReserved).order_id)

    async def record_payment(self, session: AsyncSession, event: Event, answer: Answer | None) -> None:
        """An unknown outcome is recorded too: the reconciler asks on, so this order holds up no other."""
        if answer is not None:
            await record_answer(session, event.aggregate_id, answer)

    async def ship(self, session: AsyncSession, event: Event, _: Any) -> None:
        registered = _payload(event, OrderShipmentRegistered)
        order = await lock_order(session, registered.order_id)
        refusal = refusal_to_go_on(order, needed="paid")
        if refusal is not None:
            await _refuse(session, order, event, refusal)
            return
        await stock.ship(session, order.id, await lines_of(session, order.id))
        await enter_state(session, "shipped", OrderShipped(**registered.model_dump()))

    async def deliver(self, session: AsyncSession, event: Event, _: Any) -> None:
        order = await lock_order(session, _payload(event, OrderDeliveryRegistered).order_id)
        refusal = refusal_to_go_on(order, needed="shipped")
        if refusal is not None:
            await _refuse(session, order, event, refusal)
            return
        await enter_state(session, "delivered", OrderDelivered(order_id=order.id, customer_id=order.customer_id))

    async def refund_before_cancellation(self, event: Event) -> Outcome | None:
        """What is on its way is settled first; what is left of the money goes back before the order is cancelled."""
        requested = _payload(event, OrderCancellationRequested)
        if await self._payments.is_under_way(requested.order_id):
            await self._payments.settle(requested.order_id)
        await self._refunds.settle_open(requested.order_id)
        outcome = await self._refunds.give_back(event, None, reason=requested.reason, only_from=("paid",))
        if isinstance(outcome, Unknown):
            raise RetryableError(f"refund unknown: {outcome.reason}")
        return outcome

    async def cancel(self, session: AsyncSession, event: Event, outcome: Refunded | None) -> None:
        requested = _payload(event, OrderCancellationRequested)
        order = await lock_order(session, requested.order_id)
        if order.state not in ("placed", "reserved", "paid"):
            await _refuse(session, order, event, Refusal("state"))
            return
        if order.state == "paid":
            refund = await find_refund(session, event.id)
            if outcome is None or refund is None:
                raise RetryableError("paid while the cancellation was prepared")
            await confirm(session, refund)
        if order.state != "placed":
            await stock.release(session, order.id, await lines_of(session, order.id))
        cancelled = OrderCancelled(
            order_id=order.id,
            customer_id=order.customer_id,
            reason=requested.reason,
            refunded=refunded_of(order) if order.refunded_amount else None,
        )
        await enter_state(session, "cancelled", cancelled)

    async def give_money_back(self, event: Event) -> Outcome | None:
        requested = _payload(event, OrderRefundRequested)
        return await self._refunds.give_back(event, requested.amount, reason=requested.reason, only_from=REFUNDABLE)

    async def refund(self, session: AsyncSession, event: Event, outcome: Outcome | None) -> None:
        """An unknown outcome holds up nothing: the reconciler asks on."""
        requested = _payload(event, OrderRefundRequested)
        if isinstance(outcome, Refunded):
            await record_refunded(session, event.id)
        elif outcome is None:
            order = await lock_order(session, requested.order_id)
            refusal = amount_to_refund(order, requested.amount, only_from=REFUNDABLE)
            if not isinstance(refusal, Refusal) or await find_refund(session, event.id) is not None:
                raise RetryableError("refundable since the refund was prepared")
            await _refuse(session, order, event, refusal)


def _payload(event: Event, model: type[P]) -> P:
    payload = event.payload()
    if not isinstance(payload, model):
        raise PoisonError(f"{event.type} does not carry {model.__name__}")
    return payload


async def _refuse(session: AsyncSession, order: Order, event: Event, refusal: Refusal) -> None:
    refused = OrderRequestRefused(
        order_id=order.id,
        customer_id=order.customer_id,
        request=event.type,
        state=order.state,
        cause=refusal.cause,
        left=refusal.left,
        request_version=event.version,
    )
    await append_to_timeline(session, refused, state=None, headers=trace_headers())
    metrics.REFUSED.labels(request=event.type).inc()
