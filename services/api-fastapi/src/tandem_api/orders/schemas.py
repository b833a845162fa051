"""Orders as customers place and see them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from tandem_contracts.orders import OrderPlaced
from tandem_contracts.payloads import Currency, Money, Sku
from tandem_contracts.registry import event_type_of
from tandem_tables import addresses
from tandem_tables import orders as tables

from tandem_api.addresses.schemas import PostalAddress, ShippingAddress
from tandem_api.orders.states import PLACED
from tandem_api.requests import PLAIN, Request

# What a customer may see of an event: the rest of the payload is between the services.
PUBLIC_DETAILS = ("reason", "requested_by", "carrier", "tracking_number", "amount", "refunded", "total")


class LineRequest(Request):
    sku: Annotated[Sku, Field(pattern=PLAIN)]
    quantity: int = Field(ge=1, le=99, strict=True, examples=[2])


class ExpectedTotal(Request):
    amount: int = Field(strict=True, description="in minor units of the currency", examples=[2900])
    currency: Currency


class Basket(Request):
    """What somebody thinks of ordering."""

    lines: list[LineRequest] = Field(min_length=1, max_length=50)

    @field_validator("lines")
    @classmethod
    def name_each_sku_once(cls, lines: list[LineRequest]) -> list[LineRequest]:
        repeated = [sku for sku, count in Counter(line.sku for line in lines).items() if count > 1]
        if repeated:
            raise PydanticCustomError("repeated_sku", "{sku} is named more than once", {"sku": repeated[0]})
        return lines


class OrderRequest(Basket):
    """What to order, where it goes, and how it is paid. The prices are those of the moment of the order."""

    address_id: UUID | None = Field(default=None, description="one of the customer's addresses; else the default one")
    shipping_address: PostalAddress | None = Field(default=None, description="instead of one of the customer's own")
    expected_total: ExpectedTotal | None = Field(
        default=None, description="what the customer agreed to; the order is refused when it costs anything else"
    )
    payment_token: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="the payment provider's token for the card, never the card itself",
        examples=["tok_visa"],
    )

    @model_validator(mode="after")
    def go_to_one_address(self) -> "OrderRequest":
        if self.address_id is not None and self.shipping_address is not None:
            raise PydanticCustomError("two_addresses", "name either address_id or shipping_address")
        return self


class CancellationRequest(Request):
    reason: str = Field(default="", max_length=500, pattern=PLAIN, examples=["ordered by mistake"])


class Line(BaseModel):
    sku: str
    name: str
    quantity: int
    unit_price: Money


class TimelineEntry(BaseModel):
    """Something that happened to the order; `version` counts from 1 without a gap."""

    version: int
    type: str = Field(examples=["order.placed.v1"])
    state: str | None = Field(description="the state it led to; null when it led to none", examples=["placed"])
    occurred_at: datetime
    details: dict[str, Any] = Field(examples=[{"carrier": "DHL", "tracking_number": "JD0146"}])


class OrderSummary(BaseModel):
    id: UUID
    state: str = Field(
        description="placed, reserved, paid, shipped, delivered, rejected, cancelled or refunded; others may follow",
        examples=["paid"],
    )
    total: Money
    refunded: Money = Field(description="what of the total was given back by now")
    placed_at: datetime


class Order(OrderSummary):
    shipping_address: ShippingAddress | None = Field(description="null for an order that was placed without")
    lines: list[Line]
    timeline: list[TimelineEntry]


class OrderPage(BaseModel):
    """Orders, the latest first."""

    items: list[OrderSummary]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class QuotedLine(Line):
    in_stock: bool = Field(description="whether so many pieces are there at this moment; nothing is set aside")


class Quote(BaseModel):
    """What an order would cost now. Give `total` as `expected_total` when placing it, and nobody is surprised."""

    lines: list[QuotedLine]
    total: Money


class Cancellation(BaseModel):
    """The request was noted; the order's timeline tells what came of it."""

    order_id: UUID
    version: int = Field(description="of the timeline's entry with the request")


def summary(order: tables.Order) -> OrderSummary:
    return OrderSummary(
        id=order.id, state=order.state, total=_total(order), refunded=_refunded(order), placed_at=order.placed_at
    )


def detailed(
    order: tables.Order,
    lines: Sequence[tables.OrderLine],
    entries: Sequence[tables.TimelineEntry],
    address: addresses.ShippingAddress | None,
) -> Order:
    return Order(
        id=order.id,
        state=order.state,
        total=_total(order),
        refunded=_refunded(order),
        placed_at=order.placed_at,
        shipping_address=None if address is None else ShippingAddress.model_validate(address),
        lines=[
            Line(
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price=Money(amount=line.unit_amount, currency=order.total_currency),
            )
            for line in lines
        ],
        timeline=[timeline_entry(entry) for entry in entries],
    )


def newly_placed(
    placed: OrderPlaced, lines: Sequence[Line], address: Mapping[str, str] | None, placed_at: datetime
) -> Order:
    """The order as `detailed` will tell it, before anything else happens to it."""
    entry = TimelineEntry(
        version=1,
        type=event_type_of(placed).name,
        state=PLACED,
        occurred_at=placed_at,
        details={"total": placed.total.model_dump()},
    )
    return Order(
        id=placed.order_id,
        state=PLACED,
        total=placed.total,
        refunded=Money(amount=0, currency=placed.total.currency),
        placed_at=placed_at,
        shipping_address=None if address is None else ShippingAddress(**address),
        lines=list(lines),
        timeline=[entry],
    )


def timeline_entry(entry: tables.TimelineEntry) -> TimelineEntry:
    return TimelineEntry(
        version=entry.version,
        type=entry.event_type,
        state=entry.state,
        occurred_at=entry.occurred_at,
        details=_public(entry.payload),
    )


def _public(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in PUBLIC_DETAILS if payload.get(name)}


def _total(order: tables.Order) -> Money:
    return Money(amount=order.total_amount, currency=order.total_currency)


def _refunded(order: tables.Order) -> Money:
    return Money(amount=order.refunded_amount, currency=order.total_currency)
