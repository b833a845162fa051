"""Events of the aggregate `stock`, in the topic `tandem.inventory`."""

from uuid import UUID

from pydantic import Field

from tandem_contracts.payloads import Payload, Sku


class StockEvent(Payload):
    product_id: UUID
    sku: Sku
    available: int = Field(ge=0, description="pieces that can be sold, after this event")


class StockReceived(StockEvent):
    """Pieces arrived in the warehouse."""

    quantity: int = Field(gt=0, description="pieces that arrived")


class StockCorrected(StockEvent):
    """The warehouse counted another number of pieces than was known."""

    difference: int = Field(description="pieces found (positive) or missing (negative)")
    reason: str
