"""Turns every exception that reaches the framework into a problem."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tandem_api.database import DATABASE_AWAY
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, problem_response, unavailable
from tandem_api.problems.schemas import FieldError
from tandem_api.problems.types import BY_STATUS

log = structlog.get_logger()


def handle_problems(app: FastAPI, api_url: str) -> None:
    """Let `app` answer every error as RFC 9457 says; what nobody expected is for `http.arrival` to answer."""

    def answers(problem: Callable[[Any], ProblemError]) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handler(request: Request, error: Exception) -> Response:
            return problem_response(
                problem(error), api_url=api_url, request_id=getattr(request.state, "request_id", None)
            )

        return handler

    app.add_exception_handler(ProblemError, answers(lambda error: error))
    app.add_exception_handler(RequestValidationError, answers(_invalid))
    app.add_exception_handler(HTTPException, answers(_of_framework))
    for away in DATABASE_AWAY:
        app.add_exception_handler(away, answers(_database_away))


def _database_away(error: Exception) -> ProblemError:
    # The first line names the cause; the rest would be the statement.
    log.warning("database away", error=str(error).partition("\n")[0])
    return unavailable("The database does not answer.")


def _of_framework(error: HTTPException) -> ProblemError:
    kind = BY_STATUS.get(error.status_code)
    if kind is None:
        kind = types.BAD_REQUEST if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else types.INTERNAL_ERROR
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return ProblemError(kind, detail, headers=error.headers)


def _invalid(error: RequestValidationError) -> ProblemError:
    errors = error.errors()
    if any(item["type"] == "missing" and tuple(item["loc"]) == ("header", "Idempotency-Key") for item in errors):
        return ProblemError(types.IDEMPOTENCY_KEY_REQUIRED, "The header Idempotency-Key is missing.")
    return ProblemError(types.INVALID_REQUEST, errors=[_field_error(item) for item in errors])


def _field_error(item: Mapping[str, Any]) -> FieldError:
    # Never the value that was sent: it may be a card's token.
    place, *path = item["loc"]
    detail = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "json_invalid":
        return FieldError(detail=f"not JSON: {item['ctx']['error']}", pointer="#")
    if place == "body":
        return FieldError(detail=detail, pointer=json_pointer(path))
    name = str(path[0]) if path else str(place)
    return FieldError(detail=detail, header=name) if place == "header" else FieldError(detail=detail, parameter=name)


def json_pointer(path: Sequence[str | int]) -> str:
    """The RFC 6901 pointer as a URI fragment: ("lines", 0, "sku") is "#/lines/0/sku"."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
