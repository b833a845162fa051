import json
import socket
import subprocess
from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]  # the fixture of conftest: code, environment -> Finished
Start = Callable[..., subprocess.Popen[str]]

SETUP = """
import logging, time, structlog
from opentelemetry.trace import SpanKind
from tandem_runtime.logs import configure_logging
from tandem_runtime.settings import RuntimeSettings
from tandem_runtime.tracing import caused_by, configure_tracing, context_from, trace_headers, tracer
configure_logging("demo", RuntimeSettings())
log = structlog.get_logger()
"""
# More spans than the exporter's queue holds.
BUSY = f"""{SETUP}
tracing = configure_tracing("demo")
started = time.monotonic()
for number in range(5_000):
    with tracer().start_as_current_span("work"):
        pass
busy_seconds = time.monotonic() - started
time.sleep(1.5)
stopping = time.monotonic()
tracing.shutdown()
log.info("stopped", busy_seconds=busy_seconds, stopping_seconds=time.monotonic() - stopping)
"""


def test_spans_reach_the_collector_with_the_service_name_the_last_ones_at_shutdown(run: Run, collector: Any) -> None:
    code = SETUP + (
        'with configure_tracing("demo"), tracer().start_as_current_span("request"):\n'
        '    with tracer().start_as_current_span("query", kind=SpanKind.CLIENT): pass\n'
    )
    finished = run(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    assert finished.status == 0, finished.stderr
    assert sorted(span.name for span in collector.spans) == ["query", "request"]
    assert collector.services == {"demo"}


def test_a_query_outside_of_any_request_begins_no_trace(run: Run, collector: Any) -> None:
    code = SETUP + (
        'with configure_tracing("demo"):\n'
        '    with tracer().start_as_current_span("poll", kind=SpanKind.CLIENT): pass\n'
        '    with tracer().start_as_current_span("request", kind=SpanKind.SERVER): pass\n'
    )
    run(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    assert [span.name for span in collector.spans] == ["request"]


def test_without_an_endpoint_the_sdk_is_not_even_imported(run: Run) -> None:
    code = SETUP + (
        "import sys, threading\n"
        'tracing = configure_tracing("demo")\n'
        'with tracer().start_as_current_span("work"):\n'
        '    log.info("state", enabled=tracing.enabled, headers=trace_headers(), threads=threading.active_count(),\n'
        '             sdk=[name for name in sys.modules if name.startswith("opentelemetry.sdk")])\n'
        "tracing.shutdown()\n"
    )
    (line,) = run(code).lines
    assert (line["enabled"], line["headers"], line["threads"], line["sdk"]) == (False, {}, 1, [])


def test_a_trace_goes_on_through_headers(run: Run, collector: Any) -> None:
    code = SETUP + (
        'with configure_tracing("demo"):\n'
        '    with tracer().start_as_current_span("request"):\n'
        "        stored = trace_headers()\n"
        '    with tracer().start_as_current_span("process", context=context_from(stored)): pass\n'
    )
    run(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    spans = {span.name: span for span in collector.spans}
    assert spans["process"].trace_id == spans["request"].trace_id
    assert spans["process"].parent_span_id == spans["request"].span_id


FOLLOW = """
with configure_tracing("demo", link_causes=True):
    with tracer().start_as_current_span("request"):
        stored = trace_headers()
    with tracer().start_as_current_span("process", kind=SpanKind.CONSUMER, **caused_by(stored)): pass
    with tracer().start_as_current_span("send mail", kind=SpanKind.CLIENT, **caused_by(stored)): pass
    with tracer().start_as_current_span("unseen", **caused_by({"traceparent": stored["traceparent"][:-2] + "00"})): pass
"""


def test_what_an_event_causes_is_linked_to_it_where_that_is_wanted(run: Run, collector: Any) -> None:
    run(SETUP + FOLLOW, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    spans = {span.name: span for span in collector.spans}

    assert spans.keys() == {"request", "process", "send mail"}
    for name in ("process", "send mail"):
        (link,) = spans[name].links
        assert (link.trace_id, link.span_id) == (spans["request"].trace_id, spans["request"].span_id)
        assert spans[name].trace_id != spans["request"].trace_id
        assert spans[name].parent_span_id == b""


def test_headers_that_are_malformed_or_missing_give_an_empty_context(run: Run) -> None:
    code = SETUP + (
        'configure_tracing("demo")\n'
        'log.info("contexts", empty=[context_from({}) == {}, context_from({"traceparent": "nonsense"}) == {}])\n'
    )
    (line,) = run(code).lines
    assert line["empty"] == [True, True]


def test_a_collector_that_is_down_neither_blocks_nor_delays_the_end_nor_floods_the_log(start: Start) -> None:
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        assert_unharmed(start(BUSY, OTEL_EXPORTER_OTLP_ENDPOINT=url_of(bound_but_not_listening)))


def test_a_collector_that_never_answers_does_no_harm_either(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert_unharmed(start(BUSY, OTEL_EXPORTER_OTLP_ENDPOINT=url_of(silent)))


def url_of(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


def assert_unharmed(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    lines = []
    for text in process.stdout:
        lines.append(json.loads(text))
        if lines[-1]["event"] == "stopped":
            break
    assert process.wait(timeout=60) == 0
    # The SDK by itself would wait for 30 s.
    assert lines[-1]["busy_seconds"] + lines[-1]["stopping_seconds"] < 25
    assert len(lines) < 10


def test_importing_the_runtime_starts_no_thread_and_a_forked_worker_logs_traces_and_serves(
    run: Run, collector: Any
) -> None:
    code = """
    import os, sys, threading, urllib.request
    import structlog
    from tandem_runtime import health, http_telemetry, logs, operations, progress, settings, shutdown, tracing
    assert threading.active_count() == 1

    configured = settings.RuntimeSettings()
    logs.configure_logging("parent", configured)
    child = os.fork()
    if child == 0:
        logs.configure_logging("forked", configured)
        with tracing.configure_tracing("forked"):
            server = operations.OperationsServer(health.Health(), "127.0.0.1", 0)
            url = f"http://127.0.0.1:{server.start()}/livez"
            with tracing.tracer().start_as_current_span("request"), urllib.request.urlopen(url) as answer:
                structlog.get_logger().info("served", status=answer.status)
            server.stop()
        sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
    """
    finished = run(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    assert finished.status == 0, finished.stderr
    served = finished.lines[-1]
    assert (served["service"], served["event"], served["status"]) == ("forked", "served", 200)
    assert [span.name for span in collector.spans] == ["request"]


def test_the_exporter_encodes_by_our_encoder(run: Run, collector: Any) -> None:
    """It has no parameter for that: should its module change, spans would be encoded as slowly as before."""
    code = SETUP + (
        "from tandem_runtime import span_encoding\n"
        "real = span_encoding.encode_spans\n"
        "def counting(spans):\n"
        '    log.info("encoded", spans=len(spans))\n'
        "    return real(spans)\n"
        "span_encoding.encode_spans = counting\n"
        'with configure_tracing("demo"), tracer().start_as_current_span("work"): pass\n'
    )
    finished = run(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    assert [line["spans"] for line in finished.lines if line["event"] == "encoded"] == [1]
    assert [span.name for span in collector.spans] == ["work"]
