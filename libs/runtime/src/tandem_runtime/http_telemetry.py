"""What is observed of HTTP requests, for any ASGI application: a span each, and their duration."""

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

from opentelemetry import context
from prometheus_client import Histogram

from tandem_runtime.http_spans import METHODS, Outcome, RequestSpans, Sample, caller_of
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


class HttpTelemetry:
    """ASGI middleware that makes a span of each request, and observes its duration with the trace as exemplar.

    `route_template` names the route that served a scope ("/v1/orders/{order_id}"), None when none did: paths
    themselves would make a time series of every order. The request's state has whether it is `told` of: a request
    that the `sample` leaves out is not, unless its caller's trace goes on here.
    """

    def __init__(self, app: Application, *, route_template: RouteTemplate, sample: Sample | None = None) -> None:
        self._app = app
        self._route_template = route_template
        self._sample = sample or Sample()
        self._spans = RequestSpans()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = caller_of(scope)
        left_out = caller is None and self._sample.leaves_out(scope)
        scope.setdefault("state", {})["told"] = not left_out
        within = self._spans.begin(scope, caller, left_out=left_out)
        token = None if within is None else context.attach(within)
        started = time.perf_counter()
        status = 500  # what the server answers for an application that raises
        headers_after: float | None = None
        failure: BaseException | None = None

        async def observing_send(message: Message) -> None:
            nonlocal status, headers_after
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_event_stream(message):
                    headers_after = time.perf_counter() - started
            await send(message)

        try:
            await self._app(scope, receive, observing_send)
        except BaseException as error:
            failure = error
            raise
        finally:
            seconds = time.perf_counter() - started if headers_after is None else headers_after
            outcome = Outcome(self._route_template(scope), status, seconds, failure)
            told = exemplar() if within is None else exemplar(self._spans.end(within, scope, outcome))
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            observed = REQUEST_DURATION.labels(method, outcome.route or UNMATCHED, str(status))
            observed.observe(seconds, exemplar=told)
            if token is not None:
                context.detach(token)


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
