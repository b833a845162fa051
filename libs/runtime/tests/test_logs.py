import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tandem_runtime.log_floods import FloodFilter
from tandem_runtime.redaction import redact

Run = Callable[..., Any]  # the fixture of conftest: code, environment -> Finished

SETUP = """
import logging, structlog
from tandem_runtime.logs import configure_logging
from tandem_runtime.settings import RuntimeSettings
configure_logging("demo", RuntimeSettings())
log = structlog.get_logger()
"""


def test_a_line_has_time_level_logger_service_event_and_what_was_said(run: Run) -> None:
    (line,) = run(SETUP + 'log.info("order reserved", order_id="o-1", quantity=2)').lines
    said = datetime.fromisoformat(line.pop("timestamp"))
    assert abs((datetime.now(UTC) - said).total_seconds()) < 60
    assert line == {
        "level": "info",
        "logger": "__main__",
        "service": "demo",
        "event": "order reserved",
        "order_id": "o-1",
        "quantity": 2,
    }


def test_libraries_that_use_the_standard_library_come_out_the_same(run: Run) -> None:
    (line,) = run(SETUP + 'logging.getLogger("some.library").warning("%d left", 3, extra={"shelf": "A"})').lines
    assert (line["logger"], line["level"], line["event"], line["shelf"]) == ("some.library", "warning", "3 left", "A")
    assert line["service"] == "demo"


def test_a_line_carries_the_trace_id_of_the_current_span(run: Run) -> None:
    code = SETUP + (
        "from tandem_runtime.tracing import configure_tracing, tracer, trace_headers\n"
        'configure_tracing("demo")\n'
        'with tracer().start_as_current_span("work"):\n'
        '    log.info("inside", header=trace_headers()["traceparent"])\n'
        'log.info("outside")\n'
        "import os; os._exit(0)\n"
    )
    inside, outside = (
        line for line in run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").lines if "side" in line["event"]
    )
    assert inside["header"].split("-")[1:3] == [inside["trace_id"], inside["span_id"]]
    assert "trace_id" not in outside


def test_a_trace_from_outside_is_in_the_line_without_any_sdk(run: Run) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    code = SETUP + (
        "from opentelemetry import context\n"
        "from tandem_runtime.tracing import context_from\n"
        f'context.attach(context_from({{"Traceparent": "00-{trace_id}-{span_id}-01"}}))\n'
        'log.info("inside")\n'
    )
    (line,) = run(code).lines
    assert (line["trace_id"], line["span_id"]) == (trace_id, span_id)


@pytest.mark.parametrize("raising", ['log.exception("failed")', 'logging.getLogger("lib").exception("failed")'])
def test_an_exception_is_one_line_with_its_traceback(run: Run, raising: str) -> None:
    (line,) = run(SETUP + f"try:\n    1 / 0\nexcept ZeroDivisionError:\n    {raising}\n").lines
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert "ZeroDivisionError: division by zero" in line["exception"]


def test_an_exception_nobody_caught_is_a_line_before_the_process_dies(run: Run) -> None:
    finished = run(SETUP + 'raise RuntimeError("the end")')
    assert finished.status == 1
    (line,) = finished.lines
    assert line["level"] == "critical"
    assert "RuntimeError: the end" in line["exception"]
    assert finished.stderr == ""


def test_the_console_format_shows_the_traceback_too(run: Run) -> None:
    finished = run(SETUP + 'raise RuntimeError("the end")', TANDEM_LOG_FORMAT="console")
    assert "RuntimeError: the end" in finished.stdout


def test_lines_below_the_level_are_not_written(run: Run) -> None:
    code = SETUP + 'log.info("a"); log.warning("b"); logging.getLogger("x").info("c")'
    assert [line["event"] for line in run(code, TANDEM_LOG_LEVEL="WARNING").lines] == ["b"]


def test_configuring_twice_does_not_write_twice(run: Run) -> None:
    code = SETUP + 'configure_logging("renamed", RuntimeSettings()); log.info("once")'
    (line,) = run(code).lines
    assert line["service"] == "renamed"


def test_uvicorn_logs_in_the_same_format_and_its_requests_without_their_query(run: Run) -> None:
    code = SETUP + (
        "import asyncio, urllib.request, uvicorn\n"
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 204, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b''})\n"
        "async def main():\n"
        "    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan='off', log_config=None))\n"
        "    serving = asyncio.create_task(server.serve())\n"
        "    while not server.started: await asyncio.sleep(0.01)\n"
        "    port = server.servers[0].sockets[0].getsockname()[1]\n"
        "    url = f'http://127.0.0.1:{port}/callback?code=1234'\n"
        "    await asyncio.to_thread(lambda: urllib.request.urlopen(url).close())\n"
        "    server.should_exit = True\n"
        "    await serving\n"
        "asyncio.run(main())\n"
    )
    finished = run(code)
    assert finished.status == 0, finished.stderr
    (request,) = (line for line in finished.lines if line["logger"] == "uvicorn.access")
    assert request["event"] == "request"
    assert (request["method"], request["path"], request["status"]) == ("GET", "/callback", 204)
    assert "1234" not in finished.stdout
    assert {line["service"] for line in finished.lines} == {"demo"}


def test_secrets_are_hidden_by_key_at_any_depth_and_by_look() -> None:
    line = redact(
        {
            "payment_token": "tok_1",
            "headers": {"Authorization": "Bearer abcdefghijkl", "accept": "x"},
            "targets": [{"database_url": "postgresql://u:pw@h/d"}],
            "event": "connecting to postgresql://tandem_api:hunter2@db/tandem with Bearer eyJhbGciOiJFUzI1NiJ9.e30.x",
            "order_id": "o-1",
        }
    )
    text = json.dumps(line)
    for secret in ("tok_1", "abcdefghijkl", "pw@", "hunter2", "eyJ"):
        assert secret not in text
    assert line["order_id"] == "o-1"
    assert line["headers"]["accept"] == "x"
    assert "tandem_api:" in line["event"]


def test_a_library_that_repeats_itself_is_heard_once_a_minute_with_how_often_it_was_held_back() -> None:
    now = 0.0
    flood = FloodFilter(prefixes=("opentelemetry.",), seconds=60, clock=lambda: now)

    def says(name: str) -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.WARNING, "f", 1, "failed %s", ("again",), None)
        return record if flood.filter(record) else None

    assert says("opentelemetry.exporter")
    assert [says("opentelemetry.exporter") for _ in range(5)] == [None] * 5
    assert says("tandem_api.orders")
    assert says("tandem_api.orders")
    now = 61.0
    record = says("opentelemetry.exporter")
    assert record is not None
    assert record.__dict__["held_back"] == 5


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("chr(0xD800)", "\ud800"),
        ("2**70", 2**70),
        ("object", "<class 'object'>"),
        ("{1: 2}", {"1": 2}),
        ("float('nan')", None),
        ("(1, 'a')", [1, "a"]),
    ],
)
def test_a_line_is_not_lost_for_what_it_says(run: Run, value: str, seen: object) -> None:
    (line,) = run(SETUP + f'log.info("odd", value={value})').lines
    assert (line["event"], line["value"]) == ("odd", seen)


def test_work_goes_on_when_nobody_takes_the_lines(run: Run) -> None:
    code = SETUP + (
        "import os, sys\n"
        "read, write = os.pipe()\n"
        "sys.stdout = os.fdopen(write, 'w')\n"
        "os.close(read)\n"
        "log.info('into a pipe that is broken')\n"
        "os.write(2, b'went on')\n"
        "os._exit(0)\n"
    )
    finished = run(code)
    assert (finished.status, finished.stderr) == (0, "went on")


def test_what_is_not_known_is_not_in_a_line(run: Run) -> None:
    (line,) = run(SETUP + 'log.info("known", order_id=None, count=0)').lines
    assert ("order_id" in line, line["count"]) == (False, 0)
