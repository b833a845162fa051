"""What operators choose of traces: how many are recorded, and how consumers' spans follow from their cause."""

import json
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import httpx
import pytest
from rich.console import Console
from tandem_local.logins import CUSTOMER
from tandem_local.progress import Progress
from tandem_local.scenario.customer import ADDRESS, log_in
from tandem_local.services import NO_RATE_LIMITS
from tandem_local.spans import Span
from tandem_local.system import System, running_system

PATIENCE_SECONDS = 60.0
QUIET_SECONDS = 2.0
ORDERS = 16
# Of the trace of an order that is paid: one of each process that has a part in it.
EVERYBODY = {"api", "worker-relay", "worker-orders", "worker-notifications", "worker-webhooks", "payment-sandbox"}


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[System]:
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o755)  # the account of Postgres passes
    for name, value in (NO_RATE_LIMITS | request.param).items():
        monkeypatch.setenv(name, value)
    with running_system(tmp_path / "home", Progress(Console(file=sys.stderr)), stop=Event()) as running:
        yield running


def place_orders(system: System, count: int, headers: Callable[[], dict[str, str]]) -> set[str]:
    """Place them and wait until each is paid; returns the ids of their traces, as the API's log tells them."""
    token = log_in(system.admin_url, CUSTOMER, system.credentials.customer_password)
    with httpx.Client(base_url=system.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        body = {
            "lines": [{"sku": "MUG-STONE", "quantity": 1}],
            "shipping_address": ADDRESS,
            "payment_token": "tok_visa",
        }
        orders = [place(client, body, headers()) for _ in range(count)]
        wait_for(lambda: all(client.get(f"/v1/orders/{one}").json()["state"] == "paid" for one in orders))
    said = map(json.loads, (system.logs / "api.log").read_text().splitlines())
    return {line["trace_id"] for line in said if line.get("order_id") in orders and line["method"] == "POST"}


def place(client: httpx.Client, body: dict[str, object], headers: dict[str, str]) -> str:
    """Asked again with the same key while the API is too busy, as it says a client should."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answer = client.post("/v1/orders", json=body, headers=key | headers)
    while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        time.sleep(float(answer.headers["Retry-After"]))
        answer = client.post("/v1/orders", json=body, headers=key | headers)
    return str(answer.raise_for_status().json()["id"])


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)


def services(system: System, trace_id: str) -> set[str]:
    return {span.service for span in system.spans.trace(trace_id)}


def caller(flags: str) -> Callable[[], dict[str, str]]:
    """A caller who has decided."""
    return lambda: {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"}


HALF = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}


@pytest.mark.parametrize("system", [HALF], indirect=True, ids=["half"])
def test_a_trace_is_recorded_by_everybody_or_by_nobody(system: System) -> None:
    traces = place_orders(system, ORDERS, dict)
    refused, wanted = place_orders(system, 1, caller("00")), place_orders(system, 1, caller("01"))

    assert len(traces) == ORDERS
    recorded = {one for one in traces if services(system, one)} | wanted
    wait_for(lambda: all(services(system, one) >= EVERYBODY for one in recorded))
    time.sleep(QUIET_SECONDS)

    assert 0 < len(recorded & traces) < ORDERS
    assert [services(system, one) for one in recorded if not services(system, one) >= EVERYBODY] == []
    assert [services(system, one) for one in (traces - recorded) | refused if services(system, one)] == []


@pytest.mark.parametrize("system", [{"OTEL_TRACES_SAMPLER": "always_off"}], indirect=True, ids=["none"])
def test_where_nothing_is_recorded_lines_and_events_carry_the_trace_all_the_same(system: System) -> None:
    (mine,) = place_orders(system, 1, caller("01"))
    (other,) = place_orders(system, 1, dict)
    time.sleep(QUIET_SECONDS)

    assert system.spans.all() == []
    wait_for(lambda: {mine, other} <= traces_of_mails(system))
    assert {mine, other} <= traces_of_mails(system)


def traces_of_mails(system: System) -> set[str]:
    said = map(json.loads, (system.logs / "notifications.log").read_text().splitlines())
    return {line["trace_id"] for line in said if line["event"] == "mail" and "trace_id" in line}


@pytest.mark.parametrize("system", [{"TANDEM_TRACE_CONSUMERS": "link"}], indirect=True, ids=["link"])
def test_consumers_begin_traces_of_their_own_that_link_to_their_cause(system: System) -> None:
    (cause,) = place_orders(system, 1, caller("01"))

    def following() -> list[Span]:
        return [span for span in system.spans.all() if cause in {trace_id for trace_id, _ in span.links}]

    consumers = {"worker-orders", "worker-notifications", "worker-webhooks"}
    wait_for(lambda: consumers <= {span.service for span in following()})

    assert {span.service for span in following()} == consumers
    assert {span.parent_id for span in following()} == {""}
    assert services(system, cause) == {"api", "worker-relay"}
