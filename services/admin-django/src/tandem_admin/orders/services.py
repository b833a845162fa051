"""What staff ask of an order. The caller owns the transaction.

Nothing here writes an order's state: a request is an event in the order's stream, and the worker's order process makes
of it what the state then allows (design: an order has one writer of its state).
"""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderDeliveryRegistered,
    OrderEvent,
    OrderRefundRequested,
    OrderShipmentRegistered,
)
from tandem_contracts.registry import event_type_of
from tandem_runtime.tracing import trace_headers

from tandem_admin.events.services import append_event
from tandem_admin.orders.models import Order, State, TimelineEntry

ALLOWED_IN: Mapping[type[OrderEvent], tuple[State, ...]] = MappingProxyType(
    {
        OrderShipmentRegistered: (State.PAID,),
        OrderDeliveryRegistered: (State.SHIPPED,),
        OrderCancellationRequested: (State.PLACED, State.RESERVED, State.PAID),
        OrderRefundRequested: (State.PAID,),
    }
)
WHAT: Mapping[type[OrderEvent], str] = MappingProxyType(
    {
        OrderShipmentRegistered: "shipped",
        OrderDeliveryRegistered: "delivered",
        OrderCancellationRequested: "cancelled",
        OrderRefundRequested: "refunded",
    }
)


class RequestNotAllowedError(Exception):
    """The order's state does not allow the request, or the same was asked already; the message is for staff."""


def register_shipment(order: Order, *, carrier: str, tracking_number: str = "") -> int:
    """State that the parcel was handed to the carrier; returns the event's version."""
    ids = _ids(order)
    return _request(order, OrderShipmentRegistered(**ids, carrier=carrier, tracking_number=tracking_number))


def register_delivery(order: Order) -> int:
    """State that the parcel arrived; returns the event's version."""
    return _request(order, OrderDeliveryRegistered(**_ids(order)))


def request_cancellation(order: Order, *, reason: str) -> int:
    """Ask to cancel; what was paid will be given back. Returns the event's version."""
    return _request(order, OrderCancellationRequested(**_ids(order), requested_by="staff", reason=reason))


def request_refund(order: Order, *, reason: str) -> int:
    """Ask to give the money back; returns the event's version."""
    return _request(order, OrderRefundRequested(**_ids(order), reason=reason))


def why_not(state: str, request: type[OrderEvent]) -> str | None:
    """Why an order in this state cannot get the request; None when it can."""
    allowed = ALLOWED_IN[request]
    if state in allowed:
        return None
    return f"An order that is {state} cannot be {WHAT[request]}; it must be {' or '.join(allowed)}."


def _request(order: Order, payload: OrderEvent) -> int:
    # First the event: it locks the stream, in whose order everything happens to an order. What is read behind the lock
    # stays true to the commit; an exception takes the event back with the transaction.
    version = append_event(order.pk, payload)
    event_type = event_type_of(payload).name
    reason = why_not(Order.objects.values_list("state", flat=True).get(pk=order.pk), type(payload))
    if reason is None and _is_pending(order.pk, event_type):
        reason = f"It has been asked already that the order be {WHAT[type(payload)]}; that is being carried out."
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


def _is_pending(order_id: UUID, event_type: str) -> bool:
    """Whether the same request came after the last change of state, and was not refused."""
    for entry in TimelineEntry.objects.filter(order=order_id).order_by("-version"):
        if entry.state is not None or entry.event_type == "order.request_refused.v1":
            return False
        if entry.event_type == event_type:
            return True
    return False


def _ids(order: Order) -> dict[str, UUID]:
    return {"order_id": order.pk, "customer_id": order.customer_id}
