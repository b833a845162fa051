"""The catalogue as customers see it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from tandem_contracts.payloads import Money, Sku


class Category(BaseModel):
    model_config = ConfigDict(frozen=True)

    slug: str = Field(examples=["kitchen"])
    name: str = Field(examples=["Kitchen"])


class Product(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    sku: Sku
    name: str = Field(examples=["Enamel mug"])
    description: str
    category: Category
    price: Money
    picture: str | None = Field(
        description="address of a WebP of at most 1600 pixels a side", examples=["https://cdn.example.com/mug.webp"]
    )
    published_at: datetime = Field(description="when it first came into the store")


class Sort(StrEnum):
    """The order of products; those that are equal in it are in the order of their SKUs."""

    NAME = "name"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    NEWEST = "newest"


class ProductPage(BaseModel):
    items: list[Product]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class FoundProducts(BaseModel):
    """Products that fit, the best first."""

    items: list[Product]


class CategoryList(BaseModel):
    items: list[Category]
