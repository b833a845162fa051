"""The order process: what follows from each event of an order's stream.

Only this process changes an order's state after placement. A customer's or the staff's wish is an event in the same
stream, so everything that happens to an order has one total order.
"""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts import topics
from tandem_contracts.envelope import Event
from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderDelivered,
    OrderDeliveryRegistered,
    OrderPlaced,
    OrderRefunded,
    OrderRefundRequested,
    OrderRejected,
    OrderRequestRefused,
    OrderReserved,
    OrderShipmentRegistered,
    OrderShipped,
)
from tandem_contracts.payloads import Money, Payload
from tandem_runtime.tracing import trace_headers
from tandem_tables.orders import Order
from tandem_tables.timeline import append_to_timeline

from tandem_worker.consumer.handlers import Consumer, Handler, PoisonError, RetryableError
from tandem_worker.orders import metrics, stock
from tandem_worker.orders.repository import enter_state, lines_of, lock_order
from tandem_worker.payments import repository as attempts
from tandem_worker.payments.services import Answer, Payments, record_answer

P = TypeVar("P", bound=Payload)


def order_process(payments: Payments) -> Consumer:
    """The consumer `tandem-orders`."""
    process = OrderProcess(payments)
    return Consumer(
        name="tandem-orders",
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
    def __init__(self, payments: Payments) -> None:
        self._payments = payments

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
        if order.state != "paid":
            await _refuse(session, order, event)
            return
        await stock.ship(session, order.id, await lines_of(session, order.id))
        await enter_state(session, "shipped", OrderShipped(**registered.model_dump()))

    async def deliver(self, session: AsyncSession, event: Event, _: Any) -> None:
        order = await lock_order(session, _payload(event, OrderDeliveryRegistered).order_id)
        if order.state != "shipped":
            await _refuse(session, order, event)
            return
        await enter_state(session, "delivered", OrderDelivered(order_id=order.id, customer_id=order.customer_id))

    async def refund_before_cancellation(self, event: Event) -> Money | None:
        """A payment on its way is settled first; what was paid goes back before the order counts as cancelled."""
        order_id = _payload(event, OrderCancellationRequested).order_id
        if await self._payments.is_under_way(order_id):
            await self._payments.settle(order_id)
        return await self._payments.give_back(order_id, only_from=("paid",))

    async def cancel(self, session: AsyncSession, event: Event, refunded: Money | None) -> None:
        requested = _payload(event, OrderCancellationRequested)
        order = await lock_order(session, requested.order_id)
        if order.state not in ("placed", "reserved", "paid"):
            await _refuse(session, order, event)
            return
        if order.state == "paid" and refunded is None:
            raise RetryableError("paid while the cancellation was prepared")
        await _mark_refunded(session, order.id, refunded)
        if order.state != "placed":
            await stock.release(session, order.id, await lines_of(session, order.id))
        cancelled = OrderCancelled(
            order_id=order.id, customer_id=order.customer_id, reason=requested.reason, refunded=refunded
        )
        await enter_state(session, "cancelled", cancelled)

    async def give_money_back(self, event: Event) -> Money | None:
        order_id = _payload(event, OrderRefundRequested).order_id
        return await self._payments.give_back(order_id, only_from=("paid", "shipped", "delivered"))

    async def refund(self, session: AsyncSession, event: Event, refunded: Money | None) -> None:
        requested = _payload(event, OrderRefundRequested)
        order = await lock_order(session, requested.order_id)
        if refunded is None:
            await _refuse(session, order, event)
            return
        await _mark_refunded(session, order.id, refunded)
        if order.state == "paid":  # later the goods have left: what comes back is a stock receipt
            await stock.release(session, order.id, await lines_of(session, order.id))
        given_back = OrderRefunded(
            order_id=order.id, customer_id=order.customer_id, amount=refunded, reason=requested.reason
        )
        await enter_state(session, "refunded", given_back)


def _payload(event: Event, model: type[P]) -> P:
    payload = event.payload()
    if not isinstance(payload, model):
        raise PoisonError(f"{event.type} does not carry {model.__name__}")
    return payload


async def _refuse(session: AsyncSession, order: Order, event: Event) -> None:
    refused = OrderRequestRefused(
        order_id=order.id, customer_id=order.customer_id, request=event.type, state=order.state
    )
    await append_to_timeline(session, refused, state=None, headers=trace_headers())
    metrics.REFUSED.labels(request=event.type).inc()


async def _mark_refunded(session: AsyncSession, order_id: UUID, refunded: Money | None) -> None:
    attempt = await attempts.find_open_attempt(session, order_id)
    if refunded is not None and attempt is not None:
        await attempts.mark_refunded(session, attempt.id)
