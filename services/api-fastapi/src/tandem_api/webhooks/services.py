"""What partners do with webhooks. Each act is written by one statement, which is its transaction."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_contracts.webhook_urls import objection_to
from tandem_contracts.webhooks import new_signing_secret, types_for
from tandem_runtime.tracing import trace_headers

from tandem_api.identity.tokens import PartnerToken
from tandem_api.orders.idempotency import Answer, Attempt, earlier_answer
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, not_found
from tandem_api.problems.schemas import FieldError
from tandem_api.settings import Settings
from tandem_api.webhooks import repository, statements
from tandem_api.webhooks.schemas import (
    Accepted,
    Endpoint,
    EndpointChange,
    EndpointRequest,
    NewEndpoint,
    NewSecret,
)

CREATED, ACCEPTED = 201, 202


async def create_endpoint(
    connection: AsyncConnection, partner: PartnerToken, attempt: Attempt, request: EndpointRequest, settings: Settings
) -> Answer:
    """Insert the endpoint with its first secret. The answer tells it; the one that is kept for repetitions does not."""
    known = await repository.before_act(connection, partner.client_id, attempt)
    if answer := earlier_answer(attempt, known.stored):
        return answer
    _require_acceptable(partner, settings, url=request.url, event_types=request.event_types)
    if known.endpoints >= settings.webhooks_endpoint_limit:
        raise ProblemError(types.WEBHOOK_LIMIT, f"The limit is {settings.webhooks_endpoint_limit}.")
    event_types = list(dict.fromkeys(request.event_types))
    created = NewEndpoint(
        id=known.id,
        url=request.url,
        description=request.description,
        event_types=event_types,
        state="enabled",
        disabled_at=None,
        disabled_reason="",
        created_at=known.at,
        last_success_at=None,
        failing_since=None,
        secret=None,
    )
    secret = new_signing_secret()
    parameters = {
        "id": created.id,
        "url": created.url,
        "description": created.description,
        "event_types": event_types,
        "created_at": created.created_at,
        "secret": secret,
    }
    kept = Answer(CREATED, created.model_dump_json())
    await repository.write(
        connection, statements.CREATION, attempt, kept, client_id=partner.client_id, parameters=parameters
    )
    return Answer(CREATED, created.model_copy(update={"secret": secret}).model_dump_json())


async def rotate_secret(
    connection: AsyncConnection, partner: PartnerToken, attempt: Attempt, endpoint_id: UUID, *, keep: timedelta
) -> Answer:
    """Give the endpoint a new secret; former ones stay good for `keep` at most."""
    known = await repository.before_act(connection, partner.client_id, attempt, endpoint_id=endpoint_id)
    if answer := earlier_answer(attempt, known.stored):
        return answer
    if known.state is None:
        raise not_found("endpoint")
    rotated, secret = NewSecret(secret=None, former_valid_until=known.at + keep), new_signing_secret()
    parameters = {"endpoint_id": endpoint_id, "secret": secret, "former_until": rotated.former_valid_until}
    kept = Answer(CREATED, rotated.model_dump_json())
    await repository.write(
        connection, statements.ROTATION, attempt, kept, client_id=partner.client_id, parameters=parameters
    )
    return Answer(CREATED, rotated.model_copy(update={"secret": secret}).model_dump_json())


async def request_delivery(
    connection: AsyncConnection,
    partner: PartnerToken,
    attempt: Attempt,
    endpoint_id: UUID,
    delivery_id: UUID | None,
) -> Answer:
    """Ask the worker to send a delivery again or, without one, a test event."""
    known = await repository.before_act(
        connection, partner.client_id, attempt, endpoint_id=endpoint_id, delivery_id=delivery_id
    )
    if answer := earlier_answer(attempt, known.stored):
        return answer
    if known.state is None:
        raise not_found("endpoint")
    if delivery_id is not None and known.event_id is None:
        raise not_found("delivery")
    if known.state != "enabled":
        raise ProblemError(types.WEBHOOK_DISABLED)
    kept = Answer(ACCEPTED, Accepted(event_id=known.event_id or known.id).model_dump_json())
    parameters = {
        "id": known.id,
        "endpoint_id": endpoint_id,
        "delivery_id": delivery_id,
        "traceparent": trace_headers().get("traceparent", ""),
    }
    await repository.write(
        connection, statements.REQUEST, attempt, kept, client_id=partner.client_id, parameters=parameters
    )
    return kept


async def change_endpoint(
    connection: AsyncConnection, partner: PartnerToken, endpoint_id: UUID, change: EndpointChange, settings: Settings
) -> Endpoint:
    _require_acceptable(partner, settings, url=change.url, event_types=change.event_types)
    changes = change.model_dump()
    if change.event_types is not None:
        changes["event_types"] = list(dict.fromkeys(change.event_types))
    changed = await repository.change_endpoint(connection, partner.client_id, endpoint_id, changes)
    if changed is None:
        if await repository.is_held(connection, partner.client_id, endpoint_id):
            raise ProblemError(types.WEBHOOK_HELD)
        raise not_found("endpoint")
    return Endpoint.model_validate(changed)


def _require_acceptable(
    partner: PartnerToken, settings: Settings, *, url: str | None, event_types: Sequence[str] | None
) -> None:
    errors = []
    if url is not None and (objection := objection_to(url, allow_loopback=settings.webhooks_allow_loopback)):
        errors.append(FieldError(detail=objection, pointer="#/url"))
    allowed = types_for(partner.scopes)
    errors += [
        FieldError(detail="no event type that your scopes allow", pointer=f"#/event_types/{index}")
        for index, event_type in enumerate(event_types or ())
        if event_type not in allowed
    ]
    if errors:
        raise ProblemError(types.INVALID_REQUEST, errors=errors)
