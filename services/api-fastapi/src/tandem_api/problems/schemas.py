"""The body of every error: RFC 9457."""

from pydantic import BaseModel, Field
from tandem_contracts.payloads import Money

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """One thing that is wrong: `pointer` into the body, or the name of a `parameter` or `header`."""

    detail: str = Field(examples=["Input should be less than or equal to 99"])
    pointer: str | None = Field(
        default=None, description="JSON pointer into the body, as a URI fragment", examples=["#/lines/0/quantity"]
    )
    parameter: str | None = Field(default=None, description="a parameter of the path or the query")
    header: str | None = None


class Problem(BaseModel):
    """What went wrong, for programs (`type`) and for people."""

    type: str = Field(description="a URI that names the kind of problem; its page explains it")
    title: str
    status: int
    detail: str = ""
    request_id: str | None = Field(default=None, description="what support needs to find the request")
    errors: list[FieldError] | None = None
    total: Money | None = Field(default=None, description="what the order costs now, when that is the problem")
