"""What partners' servers are told."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from tandem_contracts.payloads import Money, Sku


class StockItem(BaseModel):
    """A product as it is now; of one that is no longer for sale only that is told."""

    sku: Sku
    on_sale: bool
    available: int = Field(description="pieces that can be sold; 0 when it is not on sale", examples=[12])
    price: Money | None = Field(description="null when it is not on sale")


class StockPage(BaseModel):
    items: list[StockItem]
    next_cursor: str = Field(description="`cursor` of the next request; keep it when all of `items` is taken in")
    more: bool = Field(description="whether to ask again at once; else in a while")


class StatusRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: list[UUID] = Field(min_length=1, max_length=100, description="ids of orders")


class OrderStatus(BaseModel):
    id: UUID
    state: str = Field(
        description="placed, reserved, paid, shipped, delivered, rejected, cancelled or refunded; others may follow",
        examples=["shipped"],
    )
    changed_at: datetime = Field(description="when it came into this state")


class StatusList(BaseModel):
    """Both lists in the order of the question, each id once."""

    items: list[OrderStatus]
    unknown: list[UUID] = Field(description="those of the ids that are no order's")
