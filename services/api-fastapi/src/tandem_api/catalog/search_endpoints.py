"""Search: the database says which products, the snapshot what is shown of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tandem_api.catalog.endpoints import CurrentSnapshot
from tandem_api.catalog.schemas import FoundProducts
from tandem_api.catalog.search import find_products
from tandem_api.database import ReadSession
from tandem_api.feed.answers import CACHE_HEADERS, cache_headers
from tandem_api.metrics import SEARCHES
from tandem_api.problems.responses import Responses, problems
from tandem_api.rate_limits.classes import RouteClass, counted_as

router = APIRouter(tags=["catalogue"])

MAXIMUM_FOUND = 50
MAXIMUM_WORDS = 100

_FOUND: Responses = {200: {"headers": CACHE_HEADERS}}


@router.get(
    "/search/products",
    operation_id="searchProducts",
    summary="Search for products",
    response_model=FoundProducts,
    openapi_extra=counted_as(RouteClass.READS),
    responses=_FOUND | problems(),
)
async def search_products(
    request: Request,
    snapshot: CurrentSnapshot,
    session: ReadSession,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=MAXIMUM_WORDS,
            pattern=r"^[^\x00]*$",  # Postgres stores no NUL characters
            description='words; "a phrase", `or` and -without are understood, and so are small mistakes in a name',
            examples=["enamel mug"],
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_FOUND)] = 20,
) -> Response:
    """The best first, and no more than `limit`: whoever wants others gives other words."""
    seconds = request.app.state.settings.search_seconds
    found = await find_products(session, q, limit=limit, seconds=seconds)
    # What was archived or published this very moment may be in one of the two only.
    items = [json for product_id in found if (json := snapshot.product_json(product_id))]
    SEARCHES.labels("found" if items else "nothing").inc()
    body = b'{"items":[' + b",".join(items) + b"]}"
    return Response(body, headers=cache_headers(request), media_type="application/json")
