"""The catalogue, from memory: no request of these reaches the database."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import TypeAdapter

from tandem_api.catalog.schemas import CategoryList, Product, ProductPage, Sort
from tandem_api.catalog.snapshot import PriceRange, Snapshot, SortKey
from tandem_api.feed.answers import CACHED, IfNoneMatch, cached
from tandem_api.pagination import (
    DEFAULT_PAGE,
    MAXIMUM_CURSOR,
    MAXIMUM_PAGE,
    decode_cursor,
    encode_cursor,
    invalid_cursor,
)
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, not_found, unavailable
from tandem_api.problems.responses import problems
from tandem_api.problems.schemas import FieldError

router = APIRouter(tags=["catalogue"])

# The order of the list belongs to the place in it.
_CURSOR: TypeAdapter[tuple[Sort, str | int, str]] = TypeAdapter(tuple[Sort, str | int, str])


async def _snapshot(request: Request) -> Snapshot:
    snapshot: Snapshot | None = request.app.state.catalogue.snapshot
    if snapshot is None:
        raise unavailable("The catalogue is not loaded yet.")
    return snapshot


CurrentSnapshot = Annotated[Snapshot, Depends(_snapshot)]


@router.get(
    "/products",
    operation_id="listProducts",
    summary="Products for sale",
    response_model=ProductPage,
    responses=CACHED | problems(),
)
async def list_products(
    *,
    request: Request,
    snapshot: CurrentSnapshot,
    category: Annotated[str | None, Query(max_length=64, description="slug of a category")] = None,
    sort: Sort = Sort.NAME,
    minimum_price: Annotated[int | None, Query(ge=0, description="in minor units; needs `currency`")] = None,
    maximum_price: Annotated[int | None, Query(ge=0, description="in minor units; needs `currency`")] = None,
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$", description="ISO 4217: prices in it only")] = None,
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    cursor: Annotated[str | None, Query(max_length=MAXIMUM_CURSOR, description="`next_cursor` of a page")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    after = None if cursor is None else _place_in(cursor, sort)
    prices = _price_range(currency, minimum_price, maximum_price)

    def body() -> bytes:
        items, last = snapshot.shelf(category, sort).page(after, limit, prices)
        next_cursor = b"null" if last is None else f'"{encode_cursor((sort, *last))}"'.encode()
        return b'{"items":[' + b",".join(items) + b'],"next_cursor":' + next_cursor + b"}"

    return cached(request, snapshot.etag, if_none_match, body, snapshot.memory)


@router.get(
    "/products/{sku}",
    operation_id="getProduct",
    summary="A product",
    response_model=Product,
    responses=CACHED | problems(types.NOT_FOUND),
)
async def get_product(
    request: Request,
    snapshot: CurrentSnapshot,
    sku: Annotated[str, Path(max_length=64, examples=["MUG-0001"])],
    if_none_match: IfNoneMatch = None,
) -> Response:
    found = snapshot.product(sku)
    if found is None:
        raise not_found("product")
    body, etag = found
    return cached(request, etag, if_none_match, lambda: body, snapshot.memory)


@router.get(
    "/categories",
    operation_id="listCategories",
    summary="Categories of products",
    response_model=CategoryList,
    responses=CACHED | problems(),
)
async def list_categories(request: Request, snapshot: CurrentSnapshot, if_none_match: IfNoneMatch = None) -> Response:
    return cached(request, snapshot.etag, if_none_match, lambda: snapshot.categories_json, snapshot.memory)


def _place_in(cursor: str, sort: Sort) -> SortKey:
    order, first, sku = decode_cursor(cursor, _CURSOR)
    if order != sort or isinstance(first, str) != (sort is Sort.NAME):
        raise invalid_cursor()
    return first, sku


def _price_range(currency: str | None, lowest: int | None, highest: int | None) -> PriceRange | None:
    if currency is None:
        if lowest is None and highest is None:
            return None
        error = FieldError(detail="say of which currency the prices are", parameter="currency")
        raise ProblemError(types.INVALID_REQUEST, errors=[error])
    return PriceRange(currency, lowest, highest)
