"""What became of an order's money, as its page shows it."""

from types import MappingProxyType

from tandem_admin.money import format_money
from tandem_admin.orders.models import Order, PaymentAttempt
from tandem_admin.refunds.models import Refund

# unfold's label variants
COLORS = MappingProxyType(
    {Refund.State.SENDING: "info", Refund.State.UNKNOWN: "warning", Refund.State.REFUNDED: "success"}
)
TOOK_MONEY = (PaymentAttempt.State.CAPTURED, PaymentAttempt.State.REFUNDED)


def money_rows(order: Order) -> list[tuple[str, str]]:
    """What was captured, given back, is on its way back, and left; nothing for an order that was never paid."""
    captured = sum(attempt.amount for attempt in order.payment_attempts.all() if attempt.state in TOOK_MONEY)
    if not captured:
        return []
    rows = [
        ("Captured", captured),
        ("Refunded", order.refunded_amount),
        ("Being refunded", order.refunding_amount),
        ("Left", captured - order.refunded_amount - order.refunding_amount),
    ]
    return [
        (name, format_money(amount, order.total_currency))
        for name, amount in rows
        if amount or name != "Being refunded"
    ]


def refund_rows(order: Order) -> list[dict[str, object]]:
    return [
        {
            "id": refund.pk,
            "at": refund.created_at,
            "version": refund.request_version,
            "state": refund.get_state_display(),
            "color": COLORS[Refund.State(refund.state)],
            "reason": refund.reason,
            "amount": format_money(refund.amount, refund.currency),
        }
        for refund in order.refunds.all()
    ]
