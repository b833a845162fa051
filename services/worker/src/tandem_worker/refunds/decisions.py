"""What of an order's money may go back: decided from the order alone, which whoever decides has locked."""

from collections.abc import Collection
from dataclasses import dataclass

from tandem_contracts.payloads import Money
from tandem_tables.orders import Order

REFUNDABLE = ("paid", "shipped", "delivered")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, as `order.request_refused.v1` says it."""

    cause: str
    left: Money | None = None


def left_of(order: Order) -> Money:
    """What of the total is not given back, nor on its way."""
    left = order.total_amount - order.refunded_amount - order.refunding_amount
    return Money(amount=left, currency=order.total_currency)


def amount_to_refund(order: Order, wanted: Money | None, *, only_from: Collection[str]) -> Money | Refusal:
    """How much goes back when `wanted` was asked for; all that is left if no amount was named."""
    if order.state not in only_from:
        return Refusal("state")
    left = left_of(order)
    if wanted is None:
        wanted = left
    if wanted.currency != left.currency:
        return Refusal("currency")
    if not 0 < wanted.amount <= left.amount:
        return Refusal("amount", left)
    return wanted


def refusal_to_go_on(order: Order, *, needed: str) -> Refusal | None:
    """Why the order cannot get from the state `needed` to the next.

    It cannot either when all of its money is going back, however long the provider takes to confirm that: the request
    for it came first.
    """
    if order.state != needed:
        return Refusal("state")
    return None if left_of(order).amount else Refusal("refund")
