"""Events of the aggregate `product`, in the topic `tandem.catalog`."""

from uuid import UUID

from pydantic import Field

from tandem_contracts.payloads import Money, Payload, Sku


class ProductEvent(Payload):
    product_id: UUID
    sku: Sku


class ProductPublished(ProductEvent):
    """The product as customers see it from now on."""

    name: str
    description: str
    category: str = Field(description="the category's slug", examples=["kitchen"])
    price: Money


class ProductChanged(ProductPublished):
    """A published product as it is after the change."""


class ProductArchived(ProductEvent):
    """Customers no longer see the product."""
