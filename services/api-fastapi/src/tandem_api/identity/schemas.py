from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tandem_api.requests import ONE_LINE, Request


class Me(BaseModel):
    """The customer who is calling."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str = Field(examples=["ada@example.com"])
    name: str = Field(examples=["Ada Lovelace"])


class ProfileChange(Request):
    """What a customer may change by themselves. An email address is changed where one logs in: it has to be proven."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=150, pattern=ONE_LINE)] = Field(
        examples=["Ada Lovelace"]
    )
