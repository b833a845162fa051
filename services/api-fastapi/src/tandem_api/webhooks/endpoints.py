import json
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, status
from pydantic import TypeAdapter
from tandem_contracts.webhooks import types_for

from tandem_api.database import ReadSession, Writer
from tandem_api.identity.partners import WebhookManager
from tandem_api.orders.idempotency import REPLAYED, Answer, IdempotentAttempt, response
from tandem_api.pagination import DEFAULT_PAGE, MAXIMUM_CURSOR, MAXIMUM_PAGE, decode_cursor, encode_cursor
from tandem_api.problems import types
from tandem_api.problems.errors import not_found
from tandem_api.problems.responses import WITH_BODY, Responses, problems
from tandem_api.settings import Settings
from tandem_api.webhooks import repository, services
from tandem_api.webhooks.schemas import (
    Accepted,
    Delivery,
    DeliveryDetail,
    DeliveryPage,
    Endpoint,
    EndpointChange,
    EndpointPage,
    EndpointRequest,
    EventTypeList,
    NewEndpoint,
    NewSecret,
    RotationRequest,
    detailed,
)

NO_STORE = {"Cache-Control": "no-store"}
SHOWN_ATTEMPTS = 50


def _keep_from_caches(response: Response) -> None:
    response.headers.update(NO_STORE)


router = APIRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[Depends(_keep_from_caches)])

_CURSOR = TypeAdapter(UUID)
_PARTNER = (types.UNAUTHENTICATED, types.INSUFFICIENT_SCOPE)
_IDEMPOTENT = (
    types.IDEMPOTENCY_KEY_REQUIRED,
    types.IDEMPOTENCY_KEY_REUSED,
    types.REQUEST_IN_PROGRESS,
    *WITH_BODY,
)
_REPLAYED = {REPLAYED: {"description": "`true` when it was asked before", "schema": {"type": "string"}}}
_CREATED: Responses = {201: {"headers": _REPLAYED}}
_ACCEPTED: Responses = {202: {"headers": _REPLAYED}}

Limit = Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)]
Cursor = Annotated[str | None, Query(max_length=MAXIMUM_CURSOR, description="`next_cursor` of a page")]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


ApiSettings = Annotated[Settings, Depends(_settings)]


@router.get(
    "/event-types",
    operation_id="listWebhookEventTypes",
    summary="What may be subscribed to with the token's scopes",
    responses=problems(*_PARTNER),
)
async def event_types(partner: WebhookManager) -> EventTypeList:
    return EventTypeList(items=types_for(partner.scopes))


@router.post(
    "/endpoints",
    operation_id="createWebhookEndpoint",
    summary="Subscribe to events",
    status_code=status.HTTP_201_CREATED,
    response_model=NewEndpoint,
    responses=_CREATED | problems(*_PARTNER, *_IDEMPOTENT, types.WEBHOOK_LIMIT),
)
async def create(
    partner: WebhookManager,
    attempt: IdempotentAttempt,
    body: EndpointRequest,
    database: Writer,
    settings: ApiSettings,
) -> Response:
    """Tells the signing secret, this once. Events that happen from now on are sent."""
    async with database.writing() as connection:
        answer = await services.create_endpoint(connection, partner, attempt, body, settings)
    return _response(answer, location=f"/v1/webhooks/endpoints/{json.loads(answer.body)['id']}")


@router.get("/endpoints", operation_id="listWebhookEndpoints", summary="My endpoints", responses=problems(*_PARTNER))
async def list_endpoints(
    partner: WebhookManager, session: ReadSession, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
) -> EndpointPage:
    before = None if cursor is None else decode_cursor(cursor, _CURSOR)
    found = await repository.list_endpoints(session, partner.client_id, before=before, limit=limit + 1)
    page = found[:limit]
    return EndpointPage(
        items=[Endpoint.model_validate(one) for one in page],
        next_cursor=encode_cursor(str(page[-1].id)) if len(found) > limit else None,
    )


@router.get(
    "/endpoints/{endpoint_id}",
    operation_id="getWebhookEndpoint",
    summary="An endpoint",
    responses=problems(*_PARTNER, types.NOT_FOUND),
)
async def get(partner: WebhookManager, endpoint_id: UUID, session: ReadSession) -> Endpoint:
    found = await repository.find_endpoint(session, partner.client_id, endpoint_id)
    if found is None:
        raise not_found("endpoint")
    return Endpoint.model_validate(found)


@router.patch(
    "/endpoints/{endpoint_id}",
    operation_id="changeWebhookEndpoint",
    summary="Change, enable or disable an endpoint",
    responses=problems(*_PARTNER, types.NOT_FOUND, types.WEBHOOK_HELD, *WITH_BODY),
)
async def change(
    partner: WebhookManager, endpoint_id: UUID, body: EndpointChange, database: Writer, settings: ApiSettings
) -> Endpoint:
    """What waits for a disabled endpoint is sent when it is enabled; what happens meanwhile is not."""
    async with database.writing() as connection:
        return await services.change_endpoint(connection, partner, endpoint_id, body, settings)


@router.delete(
    "/endpoints/{endpoint_id}",
    operation_id="deleteWebhookEndpoint",
    summary="Delete an endpoint",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(*_PARTNER, types.NOT_FOUND),
)
async def delete(partner: WebhookManager, endpoint_id: UUID, database: Writer) -> None:
    async with database.writing() as connection:
        if not await repository.delete_endpoint(connection, partner.client_id, endpoint_id):
            raise not_found("endpoint")


@router.post(
    "/endpoints/{endpoint_id}/secret",
    operation_id="rotateWebhookSecret",
    summary="Exchange the signing secret",
    status_code=status.HTTP_201_CREATED,
    response_model=NewSecret,
    responses=_CREATED | problems(*_PARTNER, *_IDEMPOTENT, types.NOT_FOUND),
)
async def rotate(
    partner: WebhookManager, endpoint_id: UUID, attempt: IdempotentAttempt, body: RotationRequest, database: Writer
) -> Response:
    """Tells the new secret, this once. Messages have a signature of each secret that is valid."""
    async with database.writing() as connection:
        keep = timedelta(hours=body.former_valid_hours)
        answer = await services.rotate_secret(connection, partner, attempt, endpoint_id, keep=keep)
    return _response(answer)


@router.post(
    "/endpoints/{endpoint_id}/test",
    operation_id="sendWebhookTest",
    summary="Have a test event sent",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=Accepted,
    responses=_ACCEPTED | problems(*_PARTNER, *_IDEMPOTENT, types.NOT_FOUND, types.WEBHOOK_DISABLED),
)
async def test(partner: WebhookManager, endpoint_id: UUID, attempt: IdempotentAttempt, database: Writer) -> Response:
    async with database.writing() as connection:
        answer = await services.request_delivery(connection, partner, attempt, endpoint_id, None)
    return _response(answer)


@router.get(
    "/endpoints/{endpoint_id}/deliveries",
    operation_id="listWebhookDeliveries",
    summary="What was sent, or is to be",
    responses=problems(*_PARTNER, types.NOT_FOUND),
)
async def list_deliveries(
    partner: WebhookManager,
    endpoint_id: UUID,
    session: ReadSession,
    *,
    state: Literal["pending", "delivered", "failed"] | None = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> DeliveryPage:
    before = None if cursor is None else decode_cursor(cursor, _CURSOR)
    if await repository.find_endpoint(session, partner.client_id, endpoint_id) is None:
        raise not_found("endpoint")
    found = await repository.list_deliveries(session, endpoint_id, state=state, before=before, limit=limit + 1)
    page = found[:limit]
    return DeliveryPage(
        items=[Delivery.model_validate(one) for one in page],
        next_cursor=encode_cursor(str(page[-1].id)) if len(found) > limit else None,
    )


@router.get(
    "/endpoints/{endpoint_id}/deliveries/{delivery_id}",
    operation_id="getWebhookDelivery",
    summary="A delivery with its message and attempts",
    responses=problems(*_PARTNER, types.NOT_FOUND),
)
async def get_delivery(
    partner: WebhookManager, endpoint_id: UUID, delivery_id: UUID, session: ReadSession
) -> DeliveryDetail:
    found = await repository.find_delivery(session, partner.client_id, endpoint_id, delivery_id)
    if found is None:
        raise not_found("delivery")
    return detailed(found, await repository.list_attempts(session, delivery_id, limit=SHOWN_ATTEMPTS))


@router.post(
    "/endpoints/{endpoint_id}/deliveries/{delivery_id}/resend",
    operation_id="resendWebhookDelivery",
    summary="Have a delivery sent again",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=Accepted,
    responses=_ACCEPTED | problems(*_PARTNER, *_IDEMPOTENT, types.NOT_FOUND, types.WEBHOOK_DISABLED),
)
async def resend(
    partner: WebhookManager,
    endpoint_id: UUID,
    delivery_id: UUID,
    attempt: IdempotentAttempt,
    database: Writer,
) -> Response:
    """With the same `webhook-id` as before."""
    async with database.writing() as connection:
        answer = await services.request_delivery(connection, partner, attempt, endpoint_id, delivery_id)
    return _response(answer)


def _response(answer: Answer, *, location: str | None = None) -> Response:
    sent = response(answer, location=location)
    sent.headers.update(NO_STORE)
    return sent
