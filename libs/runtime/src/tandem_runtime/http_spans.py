"""The span of an HTTP request at its server, by OpenTelemetry's stable conventions."""

import random
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from tandem_runtime.tracing import context_from, remembering_ids, tracer, tracing_is_on

Scope = MutableMapping[str, Any]

# What takes so long is told of, whatever the lot said.
SLOW_SECONDS = 1.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_READS = frozenset({"GET", "HEAD"})
_NOTHING = Context()
# Of what strangers choose; a span waits in memory until it is sent.
_MOST_CHARACTERS = 1024
PORTS = {"http": 80, "https": 443}


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Outcome:
    """What became of a request: `route` is None when none served it, `failure` what the application raised."""

    route: str | None
    status: int
    seconds: float
    failure: BaseException | None

    @property
    def error(self) -> str | None:
        """The conventions' `error.type`; None when it went well, or wrong by the client's fault."""
        if self.failure is not None:
            return type(self.failure).__qualname__
        return str(self.status) if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


class _LeftOut(NonRecordingSpan):
    """Of a request that the sample leaves out: it has ids once somebody asks, should it be told of after all."""

    def __init__(self) -> None:
        self.began = time.time_ns()

    @cached_property
    def _ids(self) -> SpanContext:
        return SpanContext(random.getrandbits(128), random.getrandbits(64), is_remote=False)

    def get_span_context(self) -> SpanContext:
        return self._ids


@dataclass(frozen=True, slots=True)
class Sample:
    """Of the reads below these `paths` the `share` that is told of when all went well; of everything else all.

    What is answered from memory takes less time than a line about it. Metrics count every request.
    """

    paths: tuple[str, ...] = ()
    share: float = 1.0

    def leaves_out(self, scope: Scope) -> bool:
        """By lot."""
        return (
            scope["method"] in _READS and scope["path"].startswith(self.paths) and random.random() >= self.share  # noqa: S311
        )


class RequestSpans:
    """Begins and ends them.

    A request that the sample leaves out has a span all the same when it fails or is slow.
    Never in them: the query and the client, which may be somebody's.
    """

    def __init__(self) -> None:
        self._on = tracing_is_on()

    def begin(self, scope: Scope, caller: Context | None, *, left_out: bool) -> Context | None:
        """The context to serve the request in, with its span; None when there is nothing to tell.

        Without an SDK the caller's trace goes on, for the log and for the events that are stated.
        """
        if not self._on:
            return caller
        if left_out:
            return trace.set_span_in_context(_LeftOut(), _NOTHING)
        parent = _NOTHING if caller is None else caller
        return trace.set_span_in_context(_begun(scope, parent), parent)

    def end(self, within: Context, scope: Scope, outcome: Outcome) -> Context:
        """End the request's span; returns the context with the span that tells of it, an empty one when none does."""
        span = trace.get_current_span(within)
        if isinstance(span, _LeftOut):
            if outcome.error is None and outcome.seconds < SLOW_SECONDS:
                return _NOTHING
            with remembering_ids(span.get_span_context()):
                span = _begun(scope, _NOTHING, span.began)
            within = trace.set_span_in_context(span, within)
        if span.is_recording():
            _tell(span, scope, outcome)
            span.end()
        return within


def caller_of(scope: Scope) -> Context | None:
    """The caller's trace, when there is one."""
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in (b"traceparent", b"tracestate")
    }
    if not headers:
        return None
    context = context_from(headers)
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _begun(scope: Scope, parent: Context, start: int | None = None) -> Span:
    method = scope["method"]
    known = method in METHODS
    attributes = {
        "http.request.method": method if known else "_OTHER",
        "url.scheme": scope["scheme"],
        "url.path": scope["path"][:_MOST_CHARACTERS],
        "network.protocol.version": scope["http_version"],
        **_server(next((value for name, value in scope["headers"] if name == b"host"), b""), scope["scheme"]),
    }
    return tracer().start_span(
        method if known else "HTTP", context=parent, kind=SpanKind.SERVER, attributes=attributes, start_time=start
    )


def _tell(span: Span, scope: Scope, outcome: Outcome) -> None:
    if outcome.route is not None:
        span.update_name(f"{scope['method'] if scope['method'] in METHODS else 'HTTP'} {outcome.route}")
        span.set_attribute("http.route", outcome.route)
    span.set_attribute("http.response.status_code", outcome.status)
    if outcome.error is not None:
        span.set_attribute("error.type", outcome.error)
        span.set_status(Status(StatusCode.ERROR))


@lru_cache(maxsize=64)
def _server(host: bytes, scheme: str) -> dict[str, str | int]:
    """The server's attributes, as its client called it."""
    try:
        called = urlsplit(f"//{host[:_MOST_CHARACTERS].decode('latin-1')}")
        name, port = called.hostname, called.port or PORTS.get(scheme)
    except ValueError:  # what a client makes up
        return {}
    return {"server.address": name, **({"server.port": port} if port else {})} if name else {}
