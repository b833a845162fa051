"""Events of the aggregates `product` and `category`, in the topic `tandem.catalog`."""

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
    picture: str | None = Field(default=None, description="address of a WebP of at most 1600 pixels a side")


class ProductChanged(ProductPublished):
    """A published product as it is after the change."""


class ProductArchived(ProductEvent):
    """Customers no longer see the product."""


class CategoryEvent(Payload):
    category_id: UUID
    slug: str = Field(examples=["kitchen"])


class CategoryChanged(CategoryEvent):
    """A category, new or not, as it is from now on."""

    name: str
    position: int = Field(description="lower comes first")


class CategoryRemoved(CategoryEvent):
    """There is no such category any more, and no product was in it."""
