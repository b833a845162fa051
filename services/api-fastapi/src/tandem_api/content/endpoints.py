"""The home screen and pages, from memory: no request of these reaches the database."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from tandem_api.catalog.snapshot import etag_of
from tandem_api.content.schemas import Home, Page, PageList
from tandem_api.content.shown import Content
from tandem_api.feed.answers import CACHED, IfNoneMatch, cached
from tandem_api.problems import types
from tandem_api.problems.errors import not_found, unavailable
from tandem_api.problems.responses import problems

router = APIRouter(tags=["content"])


async def _content(request: Request) -> Content:
    content: Content = request.app.state.cache.content
    if content.pages is None:
        raise unavailable("The content is not loaded yet.")
    return content


LoadedContent = Annotated[Content, Depends(_content)]


@router.get(
    "/home",
    operation_id="getHome",
    summary="The app's first screen",
    response_model=Home,
    responses=CACHED | problems(),
)
async def get_home(request: Request, content: LoadedContent, if_none_match: IfNoneMatch = None) -> Response:
    return _answer(request, content.home(datetime.now(UTC)), if_none_match)


@router.get(
    "/pages",
    operation_id="listPages",
    summary="Published pages",
    response_model=PageList,
    responses=CACHED | problems(),
)
async def list_pages(request: Request, content: LoadedContent, if_none_match: IfNoneMatch = None) -> Response:
    return _answer(request, content.pages or b"", if_none_match)


@router.get(
    "/pages/{slug}",
    operation_id="getPage",
    summary="A page",
    response_model=Page,
    responses=CACHED | problems(types.NOT_FOUND),
)
async def get_page(
    request: Request,
    content: LoadedContent,
    slug: Annotated[str, Path(max_length=64, examples=["imprint"])],
    if_none_match: IfNoneMatch = None,
) -> Response:
    page = content.page(slug)
    if page is None:
        raise not_found("page")
    return _answer(request, page, if_none_match)


def _answer(request: Request, body: bytes, if_none_match: str | None) -> Response:
    return cached(request, etag_of(body), if_none_match, lambda: body)
