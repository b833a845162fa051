"""Answers from memory: what the client has already is not sent again, and each says how old it may be."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Request, Response

from tandem_api.catalog.memory import Memory
from tandem_api.problems.responses import Responses

_TEXT = {"schema": {"type": "string"}}
CACHE_HEADERS = {
    "Cache-Control": _TEXT,
    "Age": {
        "description": "seconds for which the store may have said something else; more than a few while Kafka is away",
        "schema": {"type": "integer"},
    },
}
_HEADERS = {"ETag": _TEXT, **CACHE_HEADERS}
CACHED: Responses = {
    200: {"headers": _HEADERS},
    304: {"description": "What the client has is still right", "headers": _HEADERS},
}

IfNoneMatch = Annotated[str | None, Header(description="ETag of the copy that the client has")]


def cache_headers(request: Request) -> dict[str, str]:
    """How long an answer out of memory may be kept, and how old it may be already."""
    state = request.app.state
    return {
        "Cache-Control": f"public, max-age={state.settings.catalogue_max_age_seconds}",
        "Age": str(int(state.feed.stale_seconds())),
    }


def cached(
    request: Request, etag: str, if_none_match: str | None, body: Callable[[], bytes], memory: Memory | None = None
) -> Response:
    """The JSON that `body` makes, or 304 when the client has it. `memory` keeps what depends on nothing else."""
    headers = {"ETag": etag, **cache_headers(request)}
    if _matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    content = body()
    if memory is not None:
        memory.keep(request.scope, etag, content)
    return Response(content, headers=headers, media_type="application/json")


def _matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client's copy is the present one; weak comparison, as RFC 9110 has it for If-None-Match."""
    if if_none_match is None:
        return False
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in ("*", etag) for candidate in candidates)
