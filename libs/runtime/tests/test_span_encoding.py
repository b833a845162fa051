"""The encoder against OpenTelemetry's own: the same message of whatever there is to tell."""

from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as by_opentelemetry
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from tandem_runtime import span_encoding
from tandem_runtime.recorded_spans import RecordedSpan
from tandem_runtime.recording import Recorder
from tandem_runtime.span_encoding import encode_spans

Told = dict[tuple[str, bytes], bytes]


class Outcome(StrEnum):
    APPLIED = "applied"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    provider = Recorder(Resource({"service.name": "demo"}, "https://schema.test/resource"))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()


def told(request: ExportTraceServiceRequest) -> Told:
    """What is said of each span, by the resource and scope that say it."""
    found: Told = {}
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            said_by = f"{resource.resource} {resource.schema_url} {scope.scope} {scope.schema_url}"
            found |= {(said_by, span.span_id): span.SerializeToString(deterministic=True) for span in scope.spans}
    return found


def context(*, state: TraceState | None = None, remote: bool = True) -> trace.Context:
    ids = SpanContext(0xA1, 0xB2, is_remote=remote, trace_flags=TraceFlags(1), trace_state=state)
    return trace.set_span_in_context(NonRecordingSpan(ids))


def make_all_kinds(provider: TracerProvider) -> None:
    tracers = [provider.get_tracer("first"), provider.get_tracer("second", "2.0", schema_url="https://schema.test")]
    for tracer in tracers:
        for kind in SpanKind:
            tracer.start_span(f"{kind}", kind=kind, attributes={"path": "/", "status": 200}).end()
        for value in (
            True,
            1,
            1.0,
            "1",
            "",
            0,
            False,
            -1,
            2**62,
            "é \U0001f600",
            ["a", "b"],
            (1, 2),
            (True, 1.5),
            b"bytes",
        ):
            tracer.start_span("value", attributes={"key": value}).end()
        odd: dict[str, Any] = {
            "status": HTTPStatus.NOT_FOUND,
            "outcome": Outcome.APPLIED,
            "none": None,
            "map": {"a": [1]},
        }
        tracer.start_span("odd", attributes=odd).end()
        tracer.start_span("child", context=context()).end()
        tracer.start_span("near child", context=context(remote=False)).end()
        tracer.start_span("with state", context=context(state=TraceState([("vendor", "1")]))).end()
        tracer.start_span("linked", links=[Link(SpanContext(1, 2, is_remote=True), {"why": "because"})]).end()
        span = tracer.start_span("event")
        span.add_event("it happened", {"where": "here", "how often": 2})
        span.end()
        for status in (Status(StatusCode.OK), Status(StatusCode.ERROR), Status(StatusCode.ERROR, "why")):
            span = tracer.start_span("status")
            span.set_status(status)
            span.end()
        with pytest.raises(LookupError), tracer.start_as_current_span("raises"):
            raise LookupError("nothing there")


def test_the_message_is_the_one_of_opentelemetry(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    make_all_kinds(provider)
    spans = finished(exporter)
    assert told(encode_spans(spans)) == told(by_opentelemetry(spans))
    assert len(told(encode_spans(spans))) == len(spans)


def finished(exporter: InMemorySpanExporter) -> list[Any]:
    """In the form that either encoder takes."""
    spans = exporter.get_finished_spans()
    assert all(isinstance(span, RecordedSpan) for span in spans)
    return list(spans)


def encoded(exporter: InMemorySpanExporter) -> list[Span]:
    (resource,) = encode_spans(finished(exporter)).resource_spans
    return [span for scope in resource.scope_spans for span in scope.spans]


def test_what_otlp_has_no_type_for_is_told_as_text(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    unknown: Any = UUID(int=1)
    provider.get_tracer("demo").start_span("", attributes={"id": unknown}).end()
    (span,) = encoded(exporter)
    assert span.attributes[0].value.string_value == "00000000-0000-0000-0000-000000000001"


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it says nothing")


UNTELLABLE: list[Any] = [2**63, "half a \udcff", ["half a \udcff"], SilentError()]


@pytest.mark.parametrize("value", UNTELLABLE, ids=["65 bits", "surrogate", "in a list", "silent"])
def test_what_cannot_be_told_takes_nothing_else_with_it(
    provider: TracerProvider, exporter: InMemorySpanExporter, value: Any
) -> None:
    tracer = provider.get_tracer("demo")
    tracer.start_span("before").end()
    span = tracer.start_span("untellable", attributes={"good": 1, "bad": value, "good too": "2"})
    span.add_event("happened", {"bad": value, "good": 3})
    span.add_link(SpanContext(1, 2, is_remote=True), {"bad": value})
    span.end()
    tracer.start_span("after").end()

    before, odd, after = encoded(exporter)
    assert (before.name, odd.name, after.name) == ("before", "untellable", "after")
    assert [attribute.key for attribute in odd.attributes] == ["good", "good too"]
    assert odd.dropped_attributes_count == 1
    assert [attribute.key for attribute in odd.events[0].attributes] == ["good"]
    assert (odd.links[0].span_id, list(odd.links[0].attributes)) == ((2).to_bytes(8), [])


def test_half_a_surrogate_in_a_text_is_replaced(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    tracer = provider.get_tracer("demo")
    with pytest.raises(ValueError, match="half"), tracer.start_as_current_span("a \udcff"):
        raise ValueError("half a \udcff")
    (span,) = encoded(exporter)
    assert (span.name, span.status.message) == ("a ?", "ValueError: half a ?")


def test_a_span_that_is_none_takes_no_other_with_it(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    no_link: Any = None
    provider.get_tracer("demo").start_span("broken", links=[no_link]).end()
    provider.get_tracer("demo").start_span("whole").end()
    assert [span.name for span in encoded(exporter)] == ["whole"]


def test_what_strangers_choose_is_not_remembered(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    for number in range(100):
        provider.get_tracer("demo").start_span("", attributes={"url.path": f"/{number}/{'long' * 100}"}).end()
    remembered = span_encoding._remembered.cache_info().currsize
    assert len(encoded(exporter)) == 100
    assert span_encoding._remembered.cache_info().currsize == remembered


def test_nothing_is_an_empty_message() -> None:
    assert encode_spans([]) == by_opentelemetry([])


def test_what_is_remembered_of_an_attribute_tells_true_from_one(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    for value in (True, 1, 1.0):
        provider.get_tracer("demo").start_span("", attributes={"key": value}).end()
        provider.get_tracer("demo").start_span("", attributes={"key": value}).end()
    assert [span.attributes[0].value.WhichOneof("value") for span in encoded(exporter)] == (
        ["bool_value"] * 2 + ["int_value"] * 2 + ["double_value"] * 2
    )
