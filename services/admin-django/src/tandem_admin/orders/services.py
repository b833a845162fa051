"""What staff ask of an order. The caller owns the transaction.

Nothing here writes an order's state: a request is an event in the order's stream, and the worker's order process makes
of it what the state then allows. So an order has one writer, and everything that happens to it has one order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderDeliveryRegistered,
    OrderEvent,
    OrderRefundRequested,
    OrderShipmentRegistered,
)
from tandem_contracts.payloads import Money
from tandem_contracts.registry import event_type_of
from tandem_runtime.tracing import trace_headers

from tandem_admin.events.services import append_event
from tandem_admin.money import format_money
from tandem_admin.orders.models import Order, State, TimelineEntry

REFUSED = "order.request_refused.v1"


@dataclass(frozen=True)
class Request:
    """Something staff may ask: its event type, the states that allow it, what becomes of the order."""

    event_type: str
    allowed_in: tuple[State, ...]
    outcome: str


SHIPMENT = Request("order.shipment_registered.v1", (State.PAID,), "shipped")
DELIVERY = Request("order.delivery_registered.v1", (State.SHIPPED,), "delivered")
CANCELLATION = Request("order.cancellation_requested.v1", (State.PLACED, State.RESERVED, State.PAID), "cancelled")
REFUND = Request("order.refund_requested.v1", (State.PAID, State.SHIPPED, State.DELIVERED), "refunded")
REQUESTS = {request.event_type: request for request in (SHIPMENT, DELIVERY, CANCELLATION, REFUND)}


class RequestNotAllowedError(Exception):
    """The order's state does not allow the request, or the same was asked already; the message is for staff."""


def register_shipment(order: Order, *, carrier: str, tracking_number: str = "") -> int:
    """State that the parcel was handed to the carrier; returns the event's version."""
    ids = _ids(order)
    return _ask(order, OrderShipmentRegistered(**ids, carrier=carrier, tracking_number=tracking_number))


def register_delivery(order: Order) -> int:
    """State that the parcel arrived; returns the event's version."""
    return _ask(order, OrderDeliveryRegistered(**_ids(order)))


def request_cancellation(order: Order, *, reason: str) -> int:
    """Ask to cancel; what was paid will be given back. Returns the event's version."""
    return _ask(order, OrderCancellationRequested(**_ids(order), requested_by="staff", reason=reason))


def request_refund(order: Order, *, amount: int, reason: str) -> int:
    """Ask to give `amount`, in minor units, of what was paid back; returns the event's version."""
    wanted = Money(amount=amount, currency=order.total_currency)
    return _ask(order, OrderRefundRequested(**_ids(order), reason=reason, amount=wanted))


def why_not(order: Order, request: Request) -> str | None:
    """Why the order, as it is and with what is under way, cannot get the request; None when it can."""
    if order.state not in request.allowed_in:
        return (
            f"An order that is {order.state} cannot be {request.outcome}; it must be {' or '.join(request.allowed_in)}."
        )
    newest_first = sorted(order.timeline.all(), key=attrgetter("version"), reverse=True)
    if _is_pending(newest_first, request):
        return f"It has been asked already that the order be {request.outcome}; that is being carried out."
    return None


def _ask(order: Order, payload: OrderEvent) -> int:
    # First the event: it locks the stream, in whose order everything happens to an order. What is read behind the lock
    # stays true to the commit; an exception takes the event back with the transaction.
    version = append_event(order.pk, payload)
    event_type = event_type_of(payload).name
    now = Order.objects.get(pk=order.pk)
    reason = why_not(now, REQUESTS[event_type]) or _beyond_what_is_left(now, payload)
    if reason:
        raise RequestNotAllowedError(reason)
    TimelineEntry.objects.create(
        order=order,
        version=version,
        event_type=event_type,
        state=None,
        payload=payload.model_dump(mode="json"),
        traceparent=trace_headers().get("traceparent", ""),
    )
    return version


def _is_pending(newest_first: Iterable[TimelineEntry], request: Request) -> bool:
    """Whether the same was asked and has no answer yet: one that names it, or, but for refunds, a change of state.

    A refund changes the state only when all has gone back, and takes as long as the provider does.
    """
    answered: set[int] = set()
    for entry in newest_first:
        if entry.payload.get("request_version") is not None:
            answered.add(entry.payload["request_version"])
        elif entry.event_type == REFUSED or (entry.state is not None and request is not REFUND):
            return False  # an older worker's refusal does not name what it refuses
        if entry.event_type == request.event_type and entry.version not in answered:
            return True
    return False


def _beyond_what_is_left(order: Order, payload: OrderEvent) -> str | None:
    if not isinstance(payload, OrderRefundRequested) or payload.amount is None:
        return None
    if 0 < payload.amount.amount <= order.left_amount:
        return None
    return f"Only {format_money(order.left_amount, order.total_currency)} of this order is left."


def _ids(order: Order) -> dict[str, UUID]:
    return {"order_id": order.pk, "customer_id": order.customer_id}
