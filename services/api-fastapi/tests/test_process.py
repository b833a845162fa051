"""The process as operators run it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from identity_provider import IdentityProvider
from running_api import NO_BROKER
from storefront import LOCK_WAITS, Storefront
from tandem_local.databases import Database

ARGUMENTS = [sys.executable, "-c", "from tandem_api.main import main; main()"]


class Process:
    """`tandem-api`, with its log in a file."""

    def __init__(self, log: Path, **settings: str) -> None:
        self._log = log
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TANDEM_", "OTEL_"))}
        with log.open("w") as file:
            self.process = subprocess.Popen(ARGUMENTS, env=inherited | settings, stdout=file, stderr=file)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def said(self, event: str) -> dict[str, Any]:
        """The log line about the event, as soon as it is there."""
        for _ in range(1000):
            found = [line for line in self.lines() if event in line["event"]]
            if found:
                return found[0]
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.02)
        raise TimeoutError(f"{event}: {self._log.read_text()}")

    @property
    def url(self) -> str:
        return str(self.said("Uvicorn running on")["event"]).split()[3]

    @property
    def operations(self) -> str:
        return f"http://127.0.0.1:{self.said('operations port open')['port']}"

    def wait_until_ready(self) -> None:
        for _ in range(500):
            if httpx.get(f"{self.operations}/readyz").status_code == 200:
                return
            time.sleep(0.02)
        raise TimeoutError(self._log.read_text())


@pytest.fixture
def running(tmp_path: Path, database: Database, provider: IdentityProvider) -> Iterator[Process]:
    process = Process(
        tmp_path / "log",
        TANDEM_ENVIRONMENT="test",
        TANDEM_PORT="0",
        TANDEM_DATABASE_URL=database.url("tandem_api"),
        TANDEM_KAFKA_BOOTSTRAP_SERVERS=NO_BROKER,
        TANDEM_ADMIN_URL=provider.url,
        TANDEM_DATABASE_LOCK_SECONDS="10",
    )
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


def test_sigterm_ends_streams_at_once_and_lets_requests_finish(
    running: Process, storefront: Storefront, provider: IdentityProvider, ada: UUID
) -> None:
    storefront.product("MUG-1")
    running.wait_until_ready()
    headers = {"Authorization": f"Bearer {provider.token(ada)}"}
    body = {"lines": [{"sku": "MUG-1", "quantity": 1}], "payment_token": "tok_visa"}
    script = (
        "import httpx, sys, json; a = httpx.post(sys.argv[1], json=json.loads(sys.argv[2]),"
        " headers=json.loads(sys.argv[3]), timeout=60); print(a.status_code)"
    )
    with httpx.Client(base_url=running.url, headers=headers) as client:
        events = f"/v1/orders/{storefront.order(ada)}/events"
        with client.stream("GET", events) as stream, storefront.locked("orders_order"):
            lines = stream.iter_lines()
            assert next(lines) == "event: order.placed.v1"
            arguments = [f"{running.url}/v1/orders", json.dumps(body), json.dumps(headers | {"Idempotency-Key": "k"})]
            placing = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)
            while not storefront.sql(LOCK_WAITS):
                time.sleep(0.02)

            running.process.send_signal(signal.SIGTERM)
            assert list(lines)[-1] == "", "ends in order, not by a cut connection"
            assert placing.poll() is None, "the stream did not wait for the request"
            assert running.process.poll() is None, "a request is in progress"
            assert httpx.get(f"{running.operations}/readyz").status_code == 503
    assert placing.communicate(timeout=60)[0].strip() == "201"
    assert running.process.wait(timeout=60) == 0
    assert [
        line for line in running.lines() if line["level"] in ("error", "critical") and line["logger"] != "aiokafka"
    ] == []


def test_each_request_is_one_line_with_its_route(
    running: Process, storefront: Storefront, provider: IdentityProvider, ada: UUID
) -> None:
    running.wait_until_ready()
    token = provider.token(ada)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    httpx.get(
        f"{running.url}/v1/orders/{storefront.order(ada)}?secret=1",
        headers={"Authorization": f"Bearer {token}", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
    )
    line = running.said("request")
    assert line["route"] == "/v1/orders/{order_id}"
    assert (line["method"], line["status"], line["customer_id"], line["trace_id"]) == ("GET", 200, str(ada), trace)
    assert token not in str(running.lines())
    assert "secret" not in str(line)
    metrics = httpx.get(f"{running.operations}/metrics").text
    assert 'route="/v1/orders/{order_id}",status="200"' in metrics
    assert "tandem_api_feed_silence_seconds" in metrics


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "settings: TANDEM_DATABASE_URL: Field required"),
        (
            {"TANDEM_DATABASE_URL": "postgresql://x", "TANDEM_KAFKA_BOOTSTRAP_SERVERS": "x"},
            "settings: TANDEM_ADMIN_URL must be https in production: tokens pass there",
        ),
        (
            {"TANDEM_DATABASE_URL": "x", "TANDEM_KAFKA_BOOTSTRAP_SERVERS": "x", "TANDEM_API_URL": "http://a/b"},
            "settings: TANDEM_API_URL: must be scheme, host and port alone, such as https://api.example.com",
        ),
    ],
)
def test_wrong_settings_end_the_process_with_one_line_each(settings: dict[str, str], line: str) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
    ended = subprocess.run(ARGUMENTS, env=inherited | settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert line in ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr
