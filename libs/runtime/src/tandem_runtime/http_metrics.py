"""Duration of HTTP requests, for any ASGI application."""

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

from prometheus_client import Histogram

from tandem_runtime.metrics import LATENCY_BUCKETS, exemplar

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
RouteTemplate = Callable[[Scope], str | None]

REQUEST_DURATION = Histogram(
    "tandem_http_server_request_duration_seconds",
    "Time from a request's arrival to the end of its answer (of an event stream: to its beginning).",
    ["method", "route", "status"],
    buckets=LATENCY_BUCKETS,
)

# The route of a request that no route serves.
UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """ASGI middleware that observes each request by method, route template and status, with the trace as exemplar.

    `route_template` names the route that served a scope ("/v1/orders/{order_id}"), None when none did: paths
    themselves would make a time series of every order.
    """

    def __init__(self, app: Application, *, route_template: RouteTemplate) -> None:
        self._app = app
        self._route_template = route_template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500  # what the server answers for an application that raises
        headers_after: float | None = None

        async def observing_send(message: Message) -> None:
            nonlocal status, headers_after
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_event_stream(message):
                    headers_after = time.perf_counter() - started
            await send(message)

        try:
            await self._app(scope, receive, observing_send)
        finally:
            seconds = time.perf_counter() - started if headers_after is None else headers_after
            self._observe(scope, status, seconds)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = self._route_template(scope) or UNMATCHED
        REQUEST_DURATION.labels(method, route, str(status)).observe(seconds, exemplar=exemplar())


def _is_event_stream(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", ())
    )


class RouteContext(Protocol):
    """What `fastapi.routing.iter_route_contexts` yields: a route, and its path with every include prefix."""

    @property
    def original_route(self) -> object: ...

    @property
    def path(self) -> str | None: ...


def route_templates(contexts: Callable[[], Iterable[RouteContext]]) -> RouteTemplate:
    """Return the `route_template` of a FastAPI application; `contexts` is asked once, at the first request.

    `scope["route"].path` lacks the prefix of `include_router` since FastAPI 0.137. A router that is included
    twice is not told apart: its requests count under the first prefix.
    """
    known: dict[int, str] = {}

    def template(scope: Scope) -> str | None:
        if not known:
            for context in contexts():
                if context.path is not None:
                    known.setdefault(id(context.original_route), context.path)
        return known.get(id(scope.get("route")))

    return template
