"""Spans of real exporters arrive, and a trace is drawn as it went."""

import http.client
from urllib.parse import urlsplit

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from tandem_local.spans import Span, SpanStore, receiving_spans
from tandem_local.waterfall import waterfall


@pytest.mark.parametrize("compression", list(Compression))
def test_spans_of_an_exporter_arrive_with_all_that_is_shown(compression: Compression) -> None:
    with receiving_spans() as receiver:
        exporter = OTLPSpanExporter(f"{receiver.endpoint}/v1/traces", compression=compression)
        provider = TracerProvider(resource=Resource({"service.name": "api"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("POST /v1/orders", kind=SpanKind.SERVER) as parent:
            links = [Link(parent.get_span_context())]
            with tracer.start_as_current_span("INSERT", kind=SpanKind.CLIENT, links=links) as child:
                child.set_status(Status(StatusCode.ERROR))
                child.set_attribute("server.port", 5432)
                child.add_event("exception", {"exception.message": "gone"})
        provider.shutdown()
        trace_id = f"{parent.get_span_context().trace_id:032x}"
        first, second = receiver.spans.trace(trace_id)
    assert (first.service, first.name, first.kind, first.parent_id, first.failed) == (
        "api",
        "POST /v1/orders",
        "server",
        "",
        False,
    )
    assert (second.name, second.kind, second.parent_id, second.failed) == ("INSERT", "client", first.span_id, True)
    assert second.attributes == {"server.port": "5432", "exception: exception.message": "gone"}
    assert second.links == ((trace_id, first.span_id),)
    assert first.start <= second.start <= second.end <= first.end


@pytest.mark.parametrize(("path", "body", "status"), [("/v1/metrics", b"", 404), ("/v1/traces", b"no protobuf", 400)])
def test_what_is_no_trace_is_refused(path: str, body: bytes, status: int) -> None:
    with receiving_spans() as receiver:
        connection = http.client.HTTPConnection(urlsplit(receiver.endpoint).netloc)
        connection.request("POST", path, body)
        assert connection.getresponse().status == status
        connection.close()


def _span(name: str, span_id: str, parent_id: str, start_ms: int, end_ms: int, **other: object) -> Span:
    times = {"start": 10**18 + start_ms * 10**6, "end": 10**18 + end_ms * 10**6}
    given = {"service": "api", "kind": "server", "failed": False} | other
    return Span(trace_id="t", span_id=span_id, parent_id=parent_id, name=name, **times, **given)  # type: ignore[arg-type]


def test_a_span_sent_twice_counts_once_and_the_oldest_traces_go() -> None:
    store = SpanStore()
    store.add(_span("request", "a", "", 0, 1))
    store.add(_span("request", "a", "", 0, 1))
    assert len(store.trace("t")) == 1
    for number in range(3000):
        store.add(Span(f"{number}", "a", "", "api", "request", "server", 0, 1, failed=False))
    assert store.trace("t") == []
    assert len(store.trace("2999")) == 1


def test_children_stand_under_their_parent_with_offset_duration_and_bar() -> None:
    drawn = waterfall(
        [
            _span("process order.placed.v1", "c", "b", 60, 100, service="worker-orders", failed=True),
            _span("POST /v1/orders", "a", "", 0, 50),
            _span("send tandem.orders", "b", "a", 50, 60, service="worker-relay"),
        ],
        bar_width=10,
    )
    assert [line.split() for line in drawn.splitlines()] == [
        ["service", "span", "at", "ms", "took", "ms"],
        ["api", "POST", "/v1/orders", "0.0", "50.0", "█████·····"],
        ["worker-relay", "send", "tandem.orders", "50.0", "10.0", "·····█····"],
        ["worker-orders", "!", "process", "order.placed.v1", "60.0", "40.0", "······████"],
    ]
    columns = [line.index(name) for line, name in zip(drawn.splitlines()[1:], ("POST", "send", "!"), strict=True)]
    assert columns == [columns[0], columns[0] + 2, columns[0] + 4]


def test_a_span_whose_parent_has_not_arrived_is_shown_all_the_same() -> None:
    drawn = waterfall([_span("process", "c", "missing", 0, 1), _span("send", "b", "", 2, 3)])
    assert [line.split()[1] for line in drawn.splitlines()[1:]] == ["process", "send"]


def test_no_spans_are_no_waterfall() -> None:
    assert waterfall([]) == "no spans"
