"""What every payload model shares."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code", examples=["EUR"])]
Sku = Annotated[str, Field(min_length=1, max_length=64, examples=["MUG-0001"])]


class Payload(BaseModel):
    """The body of an event: frozen, and open to fields that a newer producer adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(Payload):
    """An amount in the currency's minor unit: 1999 EUR is € 19.99."""

    amount: int = Field(description="in minor units of the currency")
    currency: Currency
