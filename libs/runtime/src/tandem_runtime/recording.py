"""Spans behind OpenTelemetry's interface, in a fifth of the time that its SDK takes for one.

A span here belongs to one task, has as much in it as our code puts there, and is not changed after its end: so it needs
no locks, no limits, and no copy of itself to be sent. The rest is the SDK's: sampling, resource, batches, sending.
"""

import time
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import cast

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import Attributes, AttributeValue

from tandem_runtime.sampling import EntrySampler, RememberingIds

_UNSET = Status(StatusCode.UNSET)
_KNOWN_FLAGS = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
_FLAGS = tuple(TraceFlags(flags) for flags in range(_KNOWN_FLAGS + 1))


class Recorder(TracerProvider):
    """The SDK's provider, as the environment configures it, whose tracers make a `RecordedSpan`."""

    def __init__(self, resource: Resource) -> None:
        # Without the SDK's atexit hook: it waits up to 30 s for a collector that is down.
        super().__init__(resource=resource, id_generator=RememberingIds(), shutdown_on_exit=False)
        self.sampler = EntrySampler(self.sampler)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        whose = instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        tracer = super().get_tracer(*whose)
        if not isinstance(tracer, SdkTracer):  # switched off by the environment
            return tracer
        return RecordingTracer(tracer, InstrumentationScope(*whose))


class RecordingTracer(trace.Tracer):
    """Makes spans with what it has from the SDK's tracer."""

    def __init__(self, sdk: SdkTracer, scope: InstrumentationScope) -> None:
        self.resource, self.scope = sdk.resource, scope
        self.finish = sdk.span_processor.on_end
        self._ids, self._sampler = sdk.id_generator, sdk.sampler
        self._parents_decide = isinstance(sdk.sampler, EntrySampler) and sdk.sampler.parents_decide

    def start_span(  # noqa: PLR0917 - OpenTelemetry's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """A span that is recorded, or one that only hands on that it is not; the last two arguments mean nothing."""
        parent: SpanContext | None = trace.get_current_span(context).get_span_context()
        if parent is not None and parent.is_valid:
            trace_id, random = parent.trace_id, parent.trace_flags & TraceFlags.RANDOM_TRACE_ID
        else:
            parent, trace_id, random = None, self._ids.generate_trace_id(), TraceFlags.RANDOM_TRACE_ID
        state: TraceState | None
        if parent is not None and self._parents_decide:
            sampled, state = parent.trace_flags & TraceFlags.SAMPLED, parent.trace_state
        else:
            result = self._sampler.should_sample(context, trace_id, name, kind, attributes, links)
            sampled = TraceFlags.SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else 0
            state, attributes = result.trace_state, result.attributes
        ids = SpanContext(
            trace_id,
            self._ids.generate_span_id(),
            is_remote=False,
            trace_flags=_FLAGS[sampled | random],
            trace_state=state,
        )
        if not sampled:
            return trace.NonRecordingSpan(ids)
        return RecordedSpan(
            self, name, ids, parent, kind, dict(attributes or ()), list(links or ()), start_time or time.time_ns()
        )

    def start_as_current_span(  # type: ignore[override]  # noqa: PLR0917 - for `with` alone, not as a decorator
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> "_Current":
        span = self.start_span(name, context, kind, attributes, links, start_time)
        return _Current(
            span,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
            end_on_exit=end_on_exit,
        )


class RecordedSpan(trace.Span):
    """What is told of a piece of work; its fields are those that an exporter reads of the SDK's spans."""

    dropped_attributes = dropped_events = dropped_links = 0

    def __init__(  # noqa: PLR0917 - by position: it is made for each request
        self,
        tracer: RecordingTracer,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, AttributeValue],
        links: list[Link],
        start_time: int,
    ) -> None:
        self.tracer = tracer
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.attributes = attributes
        self.links = links
        self.start_time = start_time
        self.end_time: int | None = None
        self.status = _UNSET
        self.events: list[Event] = []

    @property
    def resource(self) -> Resource:
        return self.tracer.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        return self.tracer.scope

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def end(self, end_time: int | None = None) -> None:
        if self.end_time is None:
            self.end_time = end_time or time.time_ns()
            self.tracer.finish(cast("ReadableSpan", self))

    def update_name(self, name: str) -> None:
        if self.end_time is None:
            self.name = name

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        if self.end_time is None:
            self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if self.end_time is None:
            self.attributes.update(attributes)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self.end_time is None:
            self.links.append(Link(context, attributes))

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self.end_time is None:
            self.events.append(Event(name, attributes, timestamp))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """OK is the last word, and UNSET none."""
        new = status if isinstance(status, Status) else Status(status, description)
        if self.end_time is None and StatusCode.OK is not self.status.status_code and not new.is_unset:
            self.status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        told: dict[str, AttributeValue] = {
            "exception.type": kind.__qualname__
            if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}",
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", told | dict(attributes or ()), timestamp)


class _Current:
    """The context of a span as the current one. It does what `trace.use_span` does, in half the time."""

    __slots__ = ("_end_on_exit", "_record_exception", "_set_status_on_exception", "_span", "_token")

    def __init__(
        self, span: trace.Span, *, record_exception: bool, set_status_on_exception: bool, end_on_exit: bool
    ) -> None:
        self._span = span
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception
        self._end_on_exit = end_on_exit

    def __enter__(self) -> trace.Span:
        self._token = context_api.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        context_api.detach(self._token)
        # What is no Exception, such as a cancellation, is no failure of the work.
        if isinstance(error, Exception):
            if self._record_exception:
                self._span.record_exception(error)
            if self._set_status_on_exception:
                self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        if self._end_on_exit:
            self._span.end()
