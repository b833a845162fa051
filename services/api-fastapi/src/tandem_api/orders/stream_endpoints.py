from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from tandem_api.database import ReadSession
from tandem_api.identity.principal import Reader
from tandem_api.orders.repository import find_state
from tandem_api.orders.states import is_final
from tandem_api.orders.streams import EventStream, Streams
from tandem_api.problems import types
from tandem_api.problems.errors import not_found
from tandem_api.problems.responses import AUTHENTICATED, Responses, problems
from tandem_api.rate_limits.classes import RouteClass, counted_as

router = APIRouter(prefix="/orders", tags=["orders"])

_EXAMPLE = """id: 1
event: order.placed.v1
data: {"version":1,"type":"order.placed.v1","state":"placed","occurred_at":"2026-01-01T12:00:00Z","details":{}}

"""
_STREAM: Responses = {
    200: {
        "description": "One event per entry of the timeline: `id` is its version, `event` its type, `data` the entry. "
        "The stream ends behind a final state and when the access token expires.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    204: {"description": "The order has ended and the client has all its events: do not come back"},
}


@router.get(
    "/{order_id}/events",
    operation_id="followOrder",
    summary="Follow an order live",
    response_class=Response,
    openapi_extra=counted_as(RouteClass.STREAMS),
    responses=_STREAM | problems(*AUTHENTICATED, types.NOT_FOUND, types.TOO_MANY_STREAMS),
)
async def follow(
    request: Request,
    customer: Reader,
    order_id: UUID,
    session: ReadSession,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=20, description="resume behind this event")
    ] = None,
) -> Response:
    found = await find_state(session, order_id, customer.customer_id)
    if found is None:
        raise not_found("order")
    state, latest = found
    # Anything else than one of our ids means: from the beginning.
    after = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else 0
    after = min(after, latest)
    if is_final(state) and after == latest:
        return Response(status_code=204)  # an EventSource would connect again for ever otherwise
    streams: Streams = request.app.state.streams
    return EventStream(streams, order_id, customer, after=after)
