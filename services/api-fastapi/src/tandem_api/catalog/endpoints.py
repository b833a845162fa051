"""The catalogue, from memory: no request of these reaches the database."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import TypeAdapter

from tandem_api.catalog.schemas import CategoryList, Product, ProductPage
from tandem_api.catalog.snapshot import Snapshot, SortKey
from tandem_api.pagination import DEFAULT_PAGE, MAXIMUM_CURSOR, MAXIMUM_PAGE, decode_cursor, encode_cursor
from tandem_api.problems import types
from tandem_api.problems.errors import not_found, unavailable
from tandem_api.problems.responses import Responses, problems

router = APIRouter(tags=["catalogue"])

_CURSOR: TypeAdapter[SortKey] = TypeAdapter(SortKey)
_CACHED: Responses = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}}, "Cache-Control": {"schema": {"type": "string"}}}},
    304: {"description": "What the client has is still right"},
}

IfNoneMatch = Annotated[str | None, Header(description="ETag of the copy that the client has")]


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
    responses=_CACHED | problems(),
)
async def list_products(
    *,
    request: Request,
    snapshot: CurrentSnapshot,
    category: Annotated[str | None, Query(max_length=64, description="slug of a category")] = None,
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    cursor: Annotated[str | None, Query(max_length=MAXIMUM_CURSOR, description="`next_cursor` of a page")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    after = None if cursor is None else decode_cursor(cursor, _CURSOR)
    headers = _headers(request, snapshot.etag)
    if _matches(if_none_match, snapshot.etag):
        return Response(status_code=304, headers=headers)
    items, last = snapshot.shelf(category).page(after, limit)
    next_cursor = b"null" if last is None else f'"{encode_cursor(last)}"'.encode()
    body = b'{"items":[' + b",".join(items) + b'],"next_cursor":' + next_cursor + b"}"
    return Response(body, headers=headers, media_type="application/json")


@router.get(
    "/products/{sku}",
    operation_id="getProduct",
    summary="A product",
    response_model=Product,
    responses=_CACHED | problems(types.NOT_FOUND),
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
    headers = _headers(request, etag)
    if _matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


@router.get(
    "/categories",
    operation_id="listCategories",
    summary="Categories of products",
    response_model=CategoryList,
    responses=_CACHED | problems(),
)
async def list_categories(request: Request, snapshot: CurrentSnapshot, if_none_match: IfNoneMatch = None) -> Response:
    headers = _headers(request, snapshot.etag)
    if _matches(if_none_match, snapshot.etag):
        return Response(status_code=304, headers=headers)
    return Response(snapshot.categories_json, headers=headers, media_type="application/json")


def _headers(request: Request, etag: str) -> dict[str, str]:
    maximum_age = request.app.state.settings.catalogue_max_age_seconds
    return {"ETag": etag, "Cache-Control": f"public, max-age={maximum_age}"}


def _matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client's copy is the present one; weak comparison, as RFC 9110 has it for If-None-Match."""
    if if_none_match is None:
        return False
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in ("*", etag) for candidate in candidates)
