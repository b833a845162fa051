"""The recorder against OpenTelemetry's SDK: what our code and instrumentations do is told of in the same way."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tandem_runtime.recorded_spans import RecordedSpan
from tandem_runtime.recording import Recorder

RESOURCE = Resource({"service.name": "demo"})
SEEN, UNSEEN = TraceFlags(TraceFlags.SAMPLED), TraceFlags()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def recorder(exporter: InMemorySpanExporter) -> Iterator[Callable[[], TracerProvider]]:
    """Makes one, by the environment as it is then."""
    made: list[TracerProvider] = []

    def make() -> TracerProvider:
        made.append(Recorder(RESOURCE))
        made[-1].add_span_processor(SimpleSpanProcessor(exporter))
        return made[-1]

    yield make
    for provider in made:
        provider.shutdown()


def below(flags: TraceFlags, **headers: str) -> trace.Context:
    """The context of a caller elsewhere."""
    header = f"00-{0xA1:032x}-{0xB2:016x}-{flags:02x}"
    return TraceContextTextMapPropagator().extract({"traceparent": header, **headers}, context=trace.Context())


def anything(tracer: trace.Tracer) -> None:
    """All that can be done with spans."""
    link = Link(SpanContext(1, 2, is_remote=True), {"why": "because"})
    tracer.start_span("empty").end()
    tracer.start_span("times", start_time=1_000).end(2_000)
    tracer.start_span("child", context=below(SEEN, tracestate="vendor=1"), kind=SpanKind.CONSUMER, links=[link]).end()
    tracer.start_span("by chance", context=below(TraceFlags(3))).end()
    tracer.start_span("unseen child", context=below(UNSEEN)).end()
    given = {"a": 1}
    span = tracer.start_span("told", attributes=given)
    given["b"] = 2
    span.set_attribute("c", "three")
    span.set_attributes({"d": 4.0, "e": [True, False]})
    span.update_name("told again")
    span.add_link(SpanContext(3, 4, is_remote=False))
    span.add_event("happened", {"where": "here"}, timestamp=3_000)
    span.end()
    assert not span.is_recording()
    after_its_end(span)
    for statuses in (
        [(StatusCode.ERROR, "why")],
        [(Status(StatusCode.ERROR, "why"), None), (StatusCode.UNSET, None)],
        [(StatusCode.OK, None), (StatusCode.ERROR, "too late")],
    ):
        with tracer.start_span("status") as span:
            for status in statuses:
                span.set_status(*status)
    with tracer.start_as_current_span("outer") as outer:
        assert trace.get_current_span() is outer
        with tracer.start_as_current_span("inner", end_on_exit=False) as inner:
            assert trace.get_current_span() is inner
        assert inner.is_recording()
        inner.end()
    assert not trace.get_current_span().get_span_context().is_valid


def after_its_end(span: Span) -> None:
    """Nothing of this is told."""
    span.end()
    span.set_attribute("late", 1)
    span.set_attributes({"late": 1})
    span.update_name("late")
    span.add_event("late")
    span.add_link(SpanContext(5, 6, is_remote=False))
    span.set_status(StatusCode.ERROR)
    span.record_exception(LookupError("late"))


class OddError(Exception):
    """One that is nobody's."""


def failures(tracer: trace.Tracer) -> None:
    for error in (LookupError("nothing there"), OddError("é")):
        with pytest.raises(type(error)), tracer.start_as_current_span("raises"):
            raise error
        with pytest.raises(type(error)), tracer.start_span("raises by itself"):
            raise error
        quiet = tracer.start_as_current_span("quiet", record_exception=False, set_status_on_exception=False)
        with pytest.raises(type(error)), quiet:
            raise error
    with pytest.raises(KeyboardInterrupt), tracer.start_as_current_span("stopped"):
        raise KeyboardInterrupt
    with tracer.start_as_current_span("mended") as span:
        span.record_exception(OddError("mended"), {"tries": 2})


def test_what_is_told_is_what_the_sdk_tells(
    recorder: Callable[[], TracerProvider], exporter: InMemorySpanExporter
) -> None:
    theirs = InMemorySpanExporter()
    sdk = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(theirs))
    for provider in (recorder(), sdk):
        tracer = provider.get_tracer("demo", "1.0", "https://schema.test", {"of": "scope"})
        anything(tracer)
        failures(tracer)
    assert all(isinstance(span, RecordedSpan) for span in exporter.get_finished_spans())
    assert told(exporter.get_finished_spans()) == told(theirs.get_finished_spans())
    assert len(theirs.get_finished_spans()) > 10


def told(spans: Sequence[ReadableSpan]) -> Any:
    """What an encoder makes of them, but for what differs from run to run: ids, the clock, lines of a traceback."""
    numbers: dict[str, str] = {}

    def comparable(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("key") == "exception.stacktrace":
                return value["value"]["stringValue"].splitlines()[-1]
            return {key: comparable(key, part) for key, part in value.items()}
        if isinstance(value, list):
            return [comparable(key, part) for part in value]
        if re.fullmatch("traceId|spanId|parentSpanId", key):
            return numbers.setdefault(value, f"id {len(numbers)}")
        return "now" if key.endswith("UnixNano") and int(value) > 3_000 else value

    return comparable("", MessageToDict(encode_spans(spans)))


@pytest.mark.parametrize(
    ("sampler", "roots", "below_seen", "below_unseen"),
    [
        (None, True, True, False),
        ("parentbased_always_off", False, True, False),
        ("parentbased_traceidratio", False, True, False),
        ("always_on", True, True, True),
        ("always_off", False, False, False),
    ],
)
def test_the_environment_says_what_is_recorded(
    recorder: Callable[[], TracerProvider],
    monkeypatch: pytest.MonkeyPatch,
    sampler: str | None,
    roots: bool,
    below_seen: bool,
    below_unseen: bool,
) -> None:
    if sampler is not None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    tracer = recorder().get_tracer("demo")
    for recorded, context in ((roots, trace.Context()), (below_seen, below(SEEN)), (below_unseen, below(UNSEEN))):
        span = tracer.start_span("", context=context, kind=SpanKind.SERVER)
        assert span.is_recording() == span.get_span_context().trace_flags.sampled == recorded
        assert span.get_span_context().is_valid
        assert isinstance(span, RecordedSpan if recorded else NonRecordingSpan)


def test_it_can_be_switched_off(recorder: Callable[[], TracerProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not recorder().get_tracer("demo").start_span("").is_recording()


@pytest.mark.parametrize("flags", [SEEN, UNSEEN])
def test_an_error_that_cannot_say_what_it_is_stays_itself(
    recorder: Callable[[], TracerProvider], exporter: InMemorySpanExporter, flags: TraceFlags
) -> None:
    tracer = recorder().get_tracer("demo")
    with pytest.raises(SilentError), tracer.start_as_current_span("", context=below(flags)):
        raise SilentError
    assert [span.status.description for span in exporter.get_finished_spans()] == (
        ["SilentError: <no text>"] if flags is SEEN else []
    )


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it says nothing")


def test_who_asks_for_a_tracer_again_gets_the_same(recorder: Callable[[], TracerProvider]) -> None:
    provider = recorder()
    assert provider.get_tracer("demo") is provider.get_tracer("demo") is not provider.get_tracer("demo", "2.0")
