"""Webhooks as partners manage and see them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from tandem_contracts.webhook_urls import MAXIMUM_URL
from tandem_tables import webhooks as tables

from tandem_api.requests import PLAIN, Request

Url = Annotated[str, Field(max_length=MAXIMUM_URL, examples=["https://hooks.partner.example/tandem"])]
Description = Annotated[str, Field(max_length=200, pattern=PLAIN, examples=["the warehouse's"])]
EventTypes = Annotated[
    list[Annotated[str, Field(max_length=64, pattern=PLAIN)]],
    Field(min_length=1, max_length=50, examples=[["order.paid.v1", "order.shipped.v1"]]),
]
State = Literal["enabled", "disabled"]


class EndpointRequest(Request):
    """Where to send which events: https, and reachable from the internet."""

    url: Url
    event_types: EventTypes
    description: Description = ""


class EndpointChange(Request):
    """What is to be different; all else stays."""

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Description | None = None
    state: State | None = None


class RotationRequest(Request):
    former_valid_hours: int = Field(
        default=24,
        ge=0,
        le=168,
        strict=True,  # false is not 0: it would end secrets that are in use
        description="for so long messages are signed with former secrets too; 0: no longer",
    )


class Endpoint(BaseModel):
    """An endpoint; `failing_since` is set while nothing that is sent there succeeds."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    url: str
    description: str
    event_types: list[str]
    state: str = Field(examples=["enabled"])
    disabled_at: datetime | None
    disabled_reason: str
    created_at: datetime
    last_success_at: datetime | None
    failing_since: datetime | None


class NewEndpoint(Endpoint):
    secret: str | None = Field(
        description="what messages are signed with, told this once; null when the request is repeated",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class NewSecret(BaseModel):
    secret: str | None = Field(description="told this once; null when the request is repeated")
    former_valid_until: datetime


class EndpointPage(BaseModel):
    """Endpoints, the latest first."""

    items: list[Endpoint]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class Delivery(BaseModel):
    """One event for the endpoint. `event_id` is the `webhook-id` of every attempt."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    event_id: UUID
    event_type: str
    state: str = Field(description="pending, delivered or failed (given up)", examples=["delivered"])
    attempts: int = Field(description="since it was last asked for")
    created_at: datetime
    next_attempt_at: datetime
    settled_at: datetime | None
    last_status: int | None
    last_error: str


class DeliveryPage(BaseModel):
    """Deliveries, the latest first."""

    items: list[Delivery]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class Attempt(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    started_at: datetime
    duration_ms: int
    status: int | None
    response: str = Field(description="the beginning of what the endpoint answered")
    error: str


class DeliveryDetail(Delivery):
    message: dict[str, Any] = Field(description="what is sent")
    history: list[Attempt] = Field(description="the latest first")


class Accepted(BaseModel):
    """It will be sent, if nothing earlier has to be first."""

    event_id: UUID = Field(description="the `webhook-id` that the message will have")


class EventTypeList(BaseModel):
    items: list[str] = Field(examples=[["order.placed.v1"]])


def detailed(delivery: tables.Delivery, attempts: Sequence[tables.Attempt]) -> DeliveryDetail:
    return DeliveryDetail(
        **Delivery.model_validate(delivery).model_dump(),
        message=json.loads(delivery.body),
        history=[Attempt.model_validate(attempt) for attempt in attempts],
    )
