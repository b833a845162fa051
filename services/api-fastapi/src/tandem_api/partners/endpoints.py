from typing import Annotated

from fastapi import APIRouter, Query

from tandem_api.database import ReadSession
from tandem_api.identity.partners import FeedReader, StatusReader
from tandem_api.pagination import MAXIMUM_CURSOR
from tandem_api.partners.order_status import order_states
from tandem_api.partners.schemas import StatusList, StatusRequest, StockPage
from tandem_api.partners.stock_feed import read_changes
from tandem_api.problems import types
from tandem_api.problems.responses import WITH_BODY, problems
from tandem_api.rate_limits.classes import RouteClass, counted_as

router = APIRouter(tags=["partners"])

_PARTNERS = (types.UNAUTHENTICATED, types.INSUFFICIENT_SCOPE)
MAXIMUM_CHANGES = 500


@router.get(
    "/feed/stock",
    operation_id="readStockFeed",
    summary="Changes of stock and price",
    responses=problems(*_PARTNERS),
)
async def read_stock_feed(
    _: FeedReader,
    session: ReadSession,
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_CHANGES)] = 100,
    cursor: Annotated[str | None, Query(max_length=MAXIMUM_CURSOR, description="`next_cursor` of a page")] = None,
) -> StockPage:
    """Everything without a cursor; with one, what changed since: each product as it is now.

    No change is ever skipped. A product may come again though nothing changed: take what you are told.
    """
    return await read_changes(session, cursor, limit)


@router.post(
    "/order-statuses",
    operation_id="readOrderStatuses",
    summary="The state of many orders",
    openapi_extra=counted_as(RouteClass.READS),
    responses=problems(*_PARTNERS, *WITH_BODY),
)
async def read_order_statuses(_: StatusReader, session: ReadSession, body: StatusRequest) -> StatusList:
    """It only reads, so it needs no idempotency key; it is a POST for the length of the question."""
    found = await order_states(session, body.ids)
    asked = list(dict.fromkeys(body.ids))
    return StatusList(
        items=[found[order_id] for order_id in asked if order_id in found],
        unknown=[order_id for order_id in asked if order_id not in found],
    )
