"""How endpoints declare the problems they answer with."""

from collections import defaultdict
from typing import Any

from tandem_api.problems.schemas import MEDIA_TYPE
from tandem_api.problems.types import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    CUSTOMER_DEACTIVATED,
    INSUFFICIENT_SCOPE,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    RATE_LIMITED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    ProblemType,
)

Responses = dict[int | str, dict[str, Any]]

ALWAYS = (INVALID_REQUEST, RATE_LIMITED, UNAVAILABLE, INTERNAL_ERROR)
WITH_BODY = (BAD_REQUEST, BODY_TOO_LARGE)
AUTHENTICATED = (UNAUTHENTICATED, INSUFFICIENT_SCOPE, CUSTOMER_DEACTIVATED)


def problems(*kinds: ProblemType) -> Responses:
    """OpenAPI responses for the given kinds and for those that every operation has."""
    by_status: dict[int, list[ProblemType]] = defaultdict(list)
    for kind in (*kinds, *ALWAYS):
        by_status[kind.status].append(kind)
    return {status: _declared(status, found) for status, found in sorted(by_status.items())}


def _declared(status: int, kinds: list[ProblemType]) -> dict[str, Any]:
    return {
        "description": "; ".join(kind.title for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    kind.slug: {
                        "value": {"type": f"/problems/{kind.slug}", "title": kind.title, "status": int(status)},
                    }
                    for kind in kinds
                },
            }
        },
    }
