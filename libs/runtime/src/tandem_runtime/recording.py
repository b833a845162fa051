"""Records spans: OpenTelemetry's SDK with `RecordedSpan` in place of its own spans.

Sampling, resource, batches and sending are the SDK's, and configured as it is by the environment.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from tandem_runtime.recorded_spans import CurrentSpan, RecordedSpan
from tandem_runtime.sampling import EntrySampler, RememberingIds

_KNOWN_FLAGS = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
_FLAGS = tuple(TraceFlags(flags) for flags in range(_KNOWN_FLAGS + 1))


class Recorder(TracerProvider):
    """The SDK's provider, as the environment configures it, whose tracers make a `RecordedSpan`."""

    def __init__(self, resource: Resource) -> None:
        # Without the SDK's atexit hook: it waits up to 30 s for a collector that is down.
        super().__init__(resource=resource, id_generator=RememberingIds(), shutdown_on_exit=False)
        self.sampler = EntrySampler(self.sampler)
        self._recording: dict[SdkTracer, RecordingTracer] = {}

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
        if tracer not in self._recording:  # the SDK has one of each, too
            self._recording[tracer] = RecordingTracer(tracer, InstrumentationScope(*whose))
        return self._recording[tracer]


class RecordingTracer(trace.Tracer):
    """Makes spans with what it has from the SDK's tracer."""

    def __init__(self, sdk: SdkTracer, scope: InstrumentationScope) -> None:
        self._sdk, self.scope = sdk, scope
        self.finish: Callable[[Any], None] = sdk.span_processor.on_end
        self._ids, self._sampler = sdk.id_generator, sdk.sampler
        self._parents_decide = isinstance(sdk.sampler, EntrySampler) and sdk.sampler.parents_decide

    @property
    def resource(self) -> Resource:
        return self._sdk.resource

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
    ) -> CurrentSpan:
        span = self.start_span(name, context, kind, attributes, links, start_time)
        return CurrentSpan(span, record_exception, set_status_on_exception, end_on_exit)
