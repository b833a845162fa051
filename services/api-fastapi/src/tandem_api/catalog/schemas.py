"""The catalogue as customers see it."""

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


class ProductPage(BaseModel):
    """Products in the order of their names."""

    items: list[Product]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class CategoryList(BaseModel):
    items: list[Category]
