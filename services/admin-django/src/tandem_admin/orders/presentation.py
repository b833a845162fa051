"""An order as its page shows it: rows of text, made before the template."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tandem_admin.money import format_money
from tandem_admin.orders.models import Order, PaymentAttempt, State, TimelineEntry
from tandem_admin.traces import trace_id_of, trace_url

# unfold's label variants
STATE_COLORS = MappingProxyType(
    {
        State.PLACED: "info",
        State.RESERVED: "info",
        State.PAID: "primary",
        State.SHIPPED: "warning",
        State.DELIVERED: "success",
        State.REJECTED: "danger",
        State.CANCELLED: "default",
        State.REFUNDED: "default",
    }
)
ATTEMPT_COLORS = MappingProxyType(
    {
        PaymentAttempt.State.SENDING: "info",
        PaymentAttempt.State.UNKNOWN: "warning",
        PaymentAttempt.State.CAPTURED: "success",
        PaymentAttempt.State.DECLINED: "danger",
        PaymentAttempt.State.REFUNDED: "default",
    }
)
TITLES = MappingProxyType(
    {
        "order.placed.v1": "Placed by the customer",
        "order.reserved.v1": "Stock reserved",
        "order.paid.v1": "Paid",
        "order.rejected.v1": "Rejected",
        "order.cancellation_requested.v1": "Cancellation requested",
        "order.cancelled.v1": "Cancelled",
        "order.shipment_registered.v1": "Shipment registered by staff",
        "order.shipped.v1": "Shipped",
        "order.delivery_registered.v1": "Delivery registered by staff",
        "order.delivered.v1": "Delivered",
        "order.refund_requested.v1": "Refund requested by staff",
        "order.partially_refunded.v1": "Refunded in part",
        "order.refunded.v1": "Refunded",
        "order.request_refused.v1": "Request refused",
    }
)
# What of a payload tells staff more than the title does.
TOLD = (
    "carrier",
    "tracking_number",
    "amount",
    "refunded",
    "reason",
    "detail",
    "request",
    "cause",
    "left",
    "requested_by",
)


@dataclass(frozen=True)
class TimelineRow:
    version: int
    title: str
    event_type: str
    state: str
    color: str
    occurred_at: datetime
    since_previous: str
    details: list[tuple[str, str]]
    trace_id: str
    trace_url: str


def timeline_rows(entries: list[TimelineEntry]) -> list[TimelineRow]:
    """The timeline, oldest first, each entry with the time since the one before."""
    rows: list[TimelineRow] = []
    previous: datetime | None = None
    for entry in entries:
        trace_id = trace_id_of(entry.traceparent)
        rows.append(
            TimelineRow(
                version=entry.version,
                title=TITLES.get(entry.event_type, entry.event_type),
                event_type=entry.event_type,
                state=entry.state or "",
                color=STATE_COLORS[State(entry.state)] if entry.state else "",
                occurred_at=entry.occurred_at,
                since_previous=_span((entry.occurred_at - previous).total_seconds()) if previous else "",
                details=[
                    (name.replace("_", " "), _told(entry.payload[name])) for name in TOLD if entry.payload.get(name)
                ],
                trace_id=trace_id,
                trace_url=trace_url(trace_id),
            )
        )
        previous = entry.occurred_at
    return rows


def _told(value: Any) -> str:
    match value:
        case {"amount": int(amount), "currency": str(currency)}:
            return format_money(amount, currency)
        case _:
            return str(value)


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= length:
            return f"+{seconds / length:.1f} {unit}"
    return f"+{max(seconds, 0) * 1000:.0f} ms"


def line_rows(order: Order) -> list[dict[str, str | int]]:
    return [
        {
            "sku": line.sku,
            "name": line.name,
            "quantity": line.quantity,
            "unit": format_money(line.unit_amount, order.total_currency),
            "sum": format_money(line.unit_amount * line.quantity, order.total_currency),
        }
        for line in order.lines.all()
    ]


def attempt_rows(order: Order) -> list[dict[str, object]]:
    return [
        {
            "id": attempt.pk,
            "at": attempt.created_at,
            "state": attempt.get_state_display(),
            "color": ATTEMPT_COLORS[PaymentAttempt.State(attempt.state)],
            "amount": format_money(attempt.amount, attempt.currency),
            "provider_id": attempt.provider_id,
            "decline_code": attempt.decline_code,
        }
        for attempt in order.payment_attempts.all()
    ]
