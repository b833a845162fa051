"""What the agent makes of the lines that containers write."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tandem_local.processes import running_process

from observability.live.collectors import Collectors, running_collectors

PATIENCE_SECONDS = 30.0
LINE = {
    "timestamp": "2026-11-23T00:50:58.102Z",
    "level": "warning",
    "service": "worker-orders",
    "event": "payment unknown",
    "trace_id": f"{0xABC:032x}",
    "span_id": f"{0x1:016x}",
    "customer": "jane@mail.example.com",
}
POD = "worker-orders-5c9f"


class Received:
    """Log records with the attributes of whom they are of, by their text."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[dict[str, str], Any]] = {}

    def add(self, request: ExportLogsServiceRequest) -> None:
        for one in request.resource_logs:
            resource = {attribute.key: attribute.value.string_value for attribute in one.resource.attributes}
            for scope in one.scope_logs:
                self.records |= {record.body.string_value: (resource, record) for record in scope.log_records}


@contextmanager
def receiving_logs() -> Iterator[tuple[str, Received]]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            received.add(ExportLogsServiceRequest.FromString(gzip.decompress(body) if packed else body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


@pytest.fixture
def received(collector: Path, tmp_path: Path) -> Received:
    """A line of ours and one of somebody else, as containerd writes them, through the agent."""
    with receiving_logs() as (address, received), running_collectors(tmp_path, address, logs=address) as collectors:
        write(collectors, json.dumps(LINE), "checkpoint complete")
        until(lambda: len(received.records) == 2)
    return received


def write(collectors: Collectors, *lines: str) -> None:
    folder = collectors.pods / f"tandem_{POD}_0a1b2c3d-0000-4000-8000-000000000001" / "worker"
    folder.mkdir(parents=True)
    (folder / "0.log").write_text("".join(f"2026-11-23T00:50:58.102345678Z stdout F {line}\n" for line in lines))


def until(holds: Callable[[], bool]) -> None:
    """Return when it holds; the test fails when it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def test_a_line_arrives_as_it_was_written_with_its_trace_and_its_pod(received: Received) -> None:
    resource, record = received.records[json.dumps(LINE).replace("jane@mail.example.com", "****")]

    assert record.trace_id.hex() == LINE["trace_id"]
    assert record.span_id.hex() == LINE["span_id"]
    assert record.severity_text == "warning"
    assert [attribute.key for attribute in record.attributes] == ["log.iostream"]
    assert resource["service.name"] == LINE["service"]
    assert resource["service.namespace"] == "tandem"
    assert resource["k8s.pod.name"] == POD

    resource, record = received.records["checkpoint complete"]
    assert not record.trace_id
    assert "service.name" not in resource
    assert resource["k8s.pod.name"] == POD


def test_a_line_that_was_read_before_a_restart_is_sent_after_it(collector: Path, tmp_path: Path) -> None:
    with receiving_logs() as (address, received):
        with running_collectors(tmp_path, address) as collectors:  # nobody takes lines
            write(collectors, "checkpoint complete")
            until(lambda: "otelcol_receiver_accepted_log_records_total{" in httpx.get(collectors.own_metrics).text)
        command = collectors.agent.command
        with running_process(replace(command, env={**(command.env or {}), "LOGS": address})):
            until(lambda: "checkpoint complete" in received.records)
