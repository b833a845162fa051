"""Traces: W3C propagation always, OpenTelemetry's SDK only when an OTLP endpoint is given."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# How long a stopping process waits for its last spans to leave.
FLUSH_SECONDS = 1.5

log = structlog.get_logger()
_w3c = TraceContextTextMapPropagator()
# The last field of a traceparent; of its bits only the lowest one matters here, and the next is in use.
_SAMPLED_FLAGS = ("01", "03")


# The ids that the next span takes, instead of ones by chance; see `remembering_ids`.
remembered_ids: ContextVar[trace.SpanContext | None] = ContextVar("remembered_ids", default=None)


class _Causes:
    """How what is done because of an event follows from its cause: as a child, or by a link."""

    linked = False


_causes = _Causes()


class Cause(TypedDict):
    """What `start_span` is given besides a name."""

    context: Context
    links: Sequence[trace.Link]


class Tracing:
    """The traces of this process; as a context manager it hands over what is left when it closes."""

    def __init__(self, provider: "TracerProvider | None") -> None:
        self.provider = provider

    @property
    def enabled(self) -> bool:
        return self.provider is not None

    def shutdown(self) -> None:
        """Send the remaining spans, for at most 1.5 s: a collector that is down must not hold a process back."""
        if self.provider is None:
            return
        # The SDK would wait up to 30 s and takes no limit; a daemon thread waits in its place.
        closing = threading.Thread(target=self.provider.shutdown, name="tracing-shutdown", daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)
        if closing.is_alive():
            log.warning("last spans not delivered", waited_seconds=FLUSH_SECONDS)
        self.provider = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()


def configure_tracing(service: str, *, link_causes: bool = False, statement_seconds: float = 0) -> Tracing:
    """Set propagation, and the SDK when OTEL_EXPORTER_OTLP_ENDPOINT is given; without it nothing is loaded or started.

    `link_causes` is how `caused_by` answers; a statement that takes `statement_seconds` has a span. Starts a thread
    when on: in a pre-forking server call it in the worker. Once per process.
    """
    # Read by the instrumentations when they load: the stable names of HTTP and database attributes.
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"
    _causes.linked = link_causes
    # No baggage: it would carry what strangers send through the whole system.
    propagate.set_global_textmap(_w3c)
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return Tracing(None)
    provider = _provider(service)
    trace.set_tracer_provider(provider)
    if find_spec("psycopg") is not None:
        from tandem_runtime.statement_spans import trace_statements  # noqa: PLC0415

        trace_statements(at_least_seconds=statement_seconds)
    return Tracing(provider)


def _provider(service: str) -> "TracerProvider":
    # Imported here: a process without tracing does not pay for the SDK.
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from tandem_runtime.recording import Recorder  # noqa: PLC0415
    from tandem_runtime.span_encoding import encode_spans  # noqa: PLC0415

    resource = Resource.create(
        {
            "service.namespace": "tandem",
            "service.name": service,
            "service.version": metadata.version("tandem-runtime"),
        }
    )
    provider = Recorder(resource)
    # One second rather than five: a person who follows an order wants to see its trace.
    delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else 1000
    # There is no parameter for it, and OpenTelemetry's own takes four times as long.
    trace_exporter.encode_spans = encode_spans  # type: ignore[attr-defined,assignment]
    provider.add_span_processor(BatchSpanProcessor(trace_exporter.OTLPSpanExporter(), schedule_delay_millis=delay))
    return provider


def tracer() -> trace.Tracer:
    return _tracer_of(trace.get_tracer_provider())


@lru_cache(maxsize=1)  # making one takes as long as a span
def _tracer_of(provider: trace.TracerProvider) -> trace.Tracer:
    return provider.get_tracer("tandem")


@contextmanager
def remembering_ids(ids: trace.SpanContext) -> Iterator[None]:
    """A trace that is begun in the block, for what is over, has the ids that its log lines have told already."""
    token = remembered_ids.set(ids)
    try:
        yield
    finally:
        remembered_ids.reset(token)


def trace_headers(context: Context | None = None) -> dict[str, str]:
    """Return `traceparent` (and `tracestate`) of `context`, by default the current one, or {} when there is none."""
    headers: dict[str, str] = {}
    _w3c.inject(headers, context=context)
    return headers


def tracing_is_on() -> bool:
    """Tell whether spans of this process are recorded. Not for a hot path: it reads the environment."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def is_sampled(headers: Mapping[str, str]) -> bool:
    """Tell, without a closer look, whether the trace that `headers` continue is recorded."""
    return headers.get("traceparent", "")[-2:] in _SAMPLED_FLAGS


def caused_by(headers: Mapping[str, str]) -> Cause:
    """How a span follows from the cause that the W3C headers name: as its child or, if so configured, by a link.

    A cause that is not recorded is always continued: nobody records what came of it either.
    """
    context = context_from(headers)
    cause = trace.get_current_span(context).get_span_context()
    if _causes.linked and cause.trace_flags.sampled:
        return {"context": Context(), "links": [trace.Link(cause)]}
    return {"context": context, "links": ()}


def context_from(headers: Mapping[str, str]) -> Context:
    """Return the context that the W3C headers describe; an empty one when they are missing or malformed."""
    carrier: dict[str, str | Sequence[str]] = {key.lower(): value for key, value in headers.items()}
    return _w3c.extract(carrier, context=Context())
