"""Addresses as customers write and see them."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from tandem_tables import addresses as tables

from tandem_api.addresses.countries import Country
from tandem_api.requests import ONE_LINE, Request


def _line(most: int, least: int = 0) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most, pattern=ONE_LINE)


class PostalAddress(Request):
    """Where a parcel goes."""

    recipient: Annotated[str, _line(150, 1)] = Field(examples=["Ada Lovelace"])
    street: Annotated[str, _line(200, 1)] = Field(description="with the house number", examples=["Keizersgracht 1"])
    addition: Annotated[str, _line(200)] = Field(default="", description="flat, floor, company")
    postal_code: Annotated[str, _line(20)] = Field(default="", examples=["1015 CJ"])
    city: Annotated[str, _line(100, 1)] = Field(examples=["Amsterdam"])
    region: Annotated[str, _line(100)] = Field(default="", description="state or province")
    country: Country


class ShippingAddress(BaseModel):
    """Where an order goes: the address as it was when the order was placed."""

    model_config = ConfigDict(from_attributes=True)

    recipient: str
    street: str
    addition: str
    postal_code: str
    city: str
    region: str
    country: str


class Address(ShippingAddress):
    """One of the customer's addresses; the default one is taken for orders that name none."""

    id: UUID
    is_default: bool


class AddressList(BaseModel):
    """All addresses, the default one first."""

    items: list[Address]


def shown(row: tables.Address, *, is_default: bool) -> Address:
    return Address(**ShippingAddress.model_validate(row).model_dump(), id=row.id, is_default=is_default)
