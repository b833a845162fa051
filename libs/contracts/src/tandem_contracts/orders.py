"""Events of the aggregate `order`, in the topic `tandem.orders`.

Requests (`..._requested`, `..._registered`) are facts stated by a customer or by staff; what the order process makes
of them follows in the same stream, so everything that happens to an order has one total order.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tandem_contracts.payloads import Money, Payload, Sku

# Open on purpose: a consumer must not fail on a reason that a later release adds.
RejectionReason = Annotated[str, Field(description="out_of_stock, payment_declined", examples=["out_of_stock"])]
Requester = Literal["customer", "staff"]
RequestVersion = Annotated[int, Field(description="the version in the order's stream of the request that this answers")]


class OrderedLine(Payload):
    sku: Sku
    quantity: int = Field(gt=0)
    unit_price: Money


class OrderEvent(Payload):
    order_id: UUID
    customer_id: UUID


class OrderPlaced(OrderEvent):
    """The store accepted an order; nothing is set aside or paid yet."""

    total: Money
    lines: list[OrderedLine] = Field(min_length=1)
    # The address itself is in no event: events stay, and a person can ask to be forgotten.
    ships_to_country: str | None = Field(
        default=None, description="ISO 3166-1 alpha-2; null when the order was placed without an address"
    )


class OrderReserved(OrderEvent):
    """All lines of the order are set aside in stock."""


class OrderPaid(OrderEvent):
    """The payment provider confirmed that it took the money."""

    payment_attempt_id: UUID
    amount: Money


class OrderRejected(OrderEvent):
    """The order ends here: out of stock, or not paid."""

    reason: RejectionReason
    detail: str = ""


class OrderCancellationRequested(OrderEvent):
    """The customer or staff want the order cancelled."""

    requested_by: Requester
    reason: str = ""


class OrderCancelled(OrderEvent):
    """The order ends here as it was requested; what was set aside or paid is given back."""

    reason: str = ""
    refunded: Money | None = Field(
        default=None, description="what was given back, earlier refunds included, when the order had been paid"
    )


class OrderShipmentRegistered(OrderEvent):
    """Staff handed the parcel to the carrier."""

    carrier: str
    tracking_number: str = ""


class OrderShipped(OrderEvent):
    """The order is on its way."""

    carrier: str
    tracking_number: str = ""


class OrderDeliveryRegistered(OrderEvent):
    """Staff or the carrier say that the parcel arrived."""


class OrderDelivered(OrderEvent):
    """The order arrived."""


class OrderRefundRequested(OrderEvent):
    """Staff want money of a paid order given back: some of it, or all that is left."""

    reason: str
    amount: Money | None = Field(default=None, description="how much; absent: all that has not yet gone back")


class OrderPartiallyRefunded(OrderEvent):
    """The payment provider confirmed that it gave some of the money back; the order stays in its state."""

    amount: Money = Field(description="what this refund gave back")
    refunded: Money = Field(description="what all refunds of the order have given back")
    reason: str
    request_version: RequestVersion


class OrderRefunded(OrderEvent):
    """The payment provider confirmed that it gave the money back, and by now all of it."""

    amount: Money = Field(description="what all refunds of the order have given back")
    reason: str
    last_amount: Money | None = Field(
        default=None, description="what this refund, the last one, gave back; absent in older events: all at once"
    )
    request_version: RequestVersion | None = None


class OrderRequestRefused(OrderEvent):
    """A request that the order does not allow, such as to ship what was cancelled."""

    request: str = Field(description="the refused event's type", examples=["order.shipment_registered.v1"])
    state: str = Field(description="the order's state when the request was handled")
    cause: str = Field(
        default="state",
        description="state; amount (more than is left); currency; refund (all money is going back); others may follow",
        examples=["state"],
    )
    left: Money | None = Field(
        default=None, description="what could still be given back, when the amount was the cause"
    )
    request_version: RequestVersion | None = None
