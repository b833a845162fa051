from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Me(BaseModel):
    """The customer who is calling."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str = Field(examples=["ada@example.com"])
    name: str = Field(examples=["Ada Lovelace"])
