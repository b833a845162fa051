"""Answers that are not success."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from tandem_contracts.payloads import Money

from tandem_api.problems import types
from tandem_api.problems.schemas import MEDIA_TYPE, FieldError, Problem
from tandem_api.problems.types import ProblemType

RETRY_SECONDS = 2


class ProblemError(Exception):
    """Raised wherever a request cannot be served; `detail` is for the caller to read and holds no secrets."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        total: Money | None = None,
    ) -> None:
        super().__init__(f"{kind.slug}: {detail}")
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.total = total


def not_found(what: str) -> ProblemError:
    return ProblemError(types.NOT_FOUND, f"There is no such {what}.")


def unavailable(detail: str) -> ProblemError:
    """For what is away for the moment; tells the client when to try again."""
    return ProblemError(types.UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def problem_response(error: ProblemError, *, api_url: str, request_id: str | None) -> Response:
    """The HTTP answer: application/problem+json, with the problem's URI under `api_url`."""
    problem = Problem(
        type=f"{api_url}/problems/{error.kind.slug}",
        title=error.kind.title,
        status=error.kind.status,
        detail=error.detail,
        request_id=request_id,
        errors=error.errors or None,
        total=error.total,
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        int(error.kind.status),
        # No cache may keep an error: the next request may well succeed.
        headers={"Cache-Control": "no-store", **error.headers},
        media_type=MEDIA_TYPE,
    )
