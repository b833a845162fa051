"""The tests talk to real processes of the sandbox over real sockets."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

API_KEY = "a key for tests"


class Provider:
    """A running sandbox, and a merchant's client for it."""

    def __init__(self, database: Path, **environment: str) -> None:
        self._log = database.with_suffix(f".{uuid4().hex}.log")
        self._lines = self._follow()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TANDEM_", "OTEL_"))}
        settings = {
            "TANDEM_ENVIRONMENT": "test",
            "TANDEM_PORT": "0",
            "TANDEM_PAYMENT_DATABASE": str(database),
            "TANDEM_PAYMENT_API_KEY": API_KEY,
        }
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-c", "from payment_sandbox.main import main; main()"],
                env=inherited | settings | environment,
                stdout=log,
            )
        self.operations = f"http://127.0.0.1:{self.said('operations port open')['port']}"
        self.url = str(self.said("Uvicorn running on")["event"]).split()[3]
        while httpx.get(f"{self.operations}/readyz").status_code != httpx.codes.OK:  # the line comes before it listens
            time.sleep(0.01)
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=10)

    def said(self, event: str) -> dict[str, Any]:
        """Return the next log line about the event."""
        return next(line for line in self._lines if event in line["event"])

    def _follow(self) -> Generator[dict[str, Any], None, None]:
        with self._log.open() as log:
            while True:
                ended = self.process.poll() is not None
                yield from map(json.loads, log)
                if ended:
                    return
                time.sleep(0.01)

    def everything_said(self) -> str:
        return self._log.read_text()

    def post(self, path: str, body: object = None, *, key: str | None = None, timeout: float = 10) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self.client.post(path, json=body, headers=headers, timeout=timeout)

    def pay(self, amount: int, *, key: str | None = None, timeout: float = 10, **changes: object) -> httpx.Response:
        body = {"amount": amount, "currency": "EUR", "payment_token": "tok_visa", "reference": "any"} | changes
        return self.post("/v1/payments", body, key=key, timeout=timeout)

    def ledger(self, reference: str) -> list[tuple[str, int]]:
        """Return type and amount of the entries with the reference, oldest first."""
        entries: list[tuple[str, int]] = []
        after: int | None = 0
        while after is not None:
            page = self.client.get("/v1/ledger", params={"after": after, "limit": 1000}).json()
            entries += [(item["type"], item["amount"]) for item in page["items"] if item["reference"] == reference]
            after = page["next_after"]
        return entries

    def end(self, number: signal.Signals) -> int:
        self.client.close()
        self._lines.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


Run = Callable[..., AbstractContextManager[Provider]]


@pytest.fixture(scope="session")
def run() -> Run:
    """Start a sandbox of the test's own on the given database file; it is killed when the block ends."""

    @contextmanager
    def running(database: Path, **environment: str) -> Iterator[Provider]:
        provider = Provider(database, **environment)
        try:
            yield provider
        finally:
            if provider.process.poll() is None:
                provider.end(signal.SIGKILL)

    return running


@pytest.fixture(scope="session")
def provider(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One sandbox for all tests that only call it; each uses a reference of its own."""
    with run(tmp_path_factory.mktemp("sandbox") / "payments.db") as running:
        yield running


@pytest.fixture
def reference() -> str:
    return f"order-{uuid4()}"
