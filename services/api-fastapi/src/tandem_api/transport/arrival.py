"""Gives each request its id, writes one log line for it, and answers what nobody expected."""

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from tandem_runtime.http_spans import SLOW_SECONDS
from tandem_runtime.http_telemetry import UNMATCHED, RouteTemplate

from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, problem_response
from tandem_api.transport import Application, Message, Receive, Scope, Send
from tandem_api.transport.addresses import client_address, network

REQUEST_ID = "X-Request-ID"
# What a caller may choose: short, and harmless in a log.
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

log = structlog.get_logger()


class Arrival:
    """ASGI middleware; the answer to an unexpected exception is a problem without any of its text.

    The request's state has its id, the `network` it comes from, and `answer_headers` that its answer will get.
    """

    def __init__(
        self, app: Application, *, api_url: str, route_template: RouteTemplate, trusted_proxies: int = 0
    ) -> None:
        self._app = app
        self._api_url = api_url
        self._route_template = route_template
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get(REQUEST_ID))
        address = client_address(scope, self._trusted_proxies)
        added: dict[str, str] = {}
        scope.setdefault("state", {}).update(request_id=request_id, network=network(address), answer_headers=added)
        started = time.perf_counter()
        status: int | None = None

        async def identifying_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer_headers = MutableHeaders(scope=message)
                answer_headers[REQUEST_ID] = request_id
                answer_headers.update(added)
                if "client_id" in scope["state"]:  # it depends on who asks
                    answer_headers.setdefault("Cache-Control", "no-store")
            await send(message)

        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, identifying_send)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if status is not None:
                raise  # the answer had begun: the server can only cut the connection
            answer = problem_response(ProblemError(types.INTERNAL_ERROR), api_url=self._api_url, request_id=request_id)
            await answer(scope, receive, identifying_send)
        finally:
            seconds = time.perf_counter() - started
            tell = log.debug if _goes_without_saying(scope, status, seconds) else log.info
            tell(
                "request",
                method=scope["method"],
                path=scope["path"],
                route=self._route_template(scope) or UNMATCHED,
                status=status,
                seconds=round(seconds, 6),
                customer_id=scope["state"].get("customer_id"),
                client_id=scope["state"].get("client_id"),
                order_id=_order_id(scope),
                client=address,
            )
            structlog.contextvars.reset_contextvars(**bound)


def _goes_without_saying(scope: Scope, status: int | None, seconds: float) -> bool:
    """Whether the request is one of many alike that the sample leaves out."""
    told = scope["state"].get("told", True)
    return not told and status is not None and status < HTTPStatus.BAD_REQUEST and seconds < SLOW_SECONDS


def _order_id(scope: Scope) -> str | None:
    """The order that the request is about, or that came of it."""
    named = scope.get("path_params", {}).get("order_id") or scope["state"].get("order_id")
    try:
        return str(uuid.UUID(str(named)))
    except ValueError:
        return None


def _request_id(given: str | None) -> str:
    return given if given and _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
