"""The running system as its operators see it: the probe's orders, the lines of the logs, and the way to a trace."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import httpx
import psycopg
import pytest
from rich.console import Console
from tandem_local.logins import CUSTOMER
from tandem_local.progress import Progress
from tandem_local.scenario.customer import Customer, log_in
from tandem_local.services import DATABASE, NO_RATE_LIMITS
from tandem_local.system import System, running_system

from observability.contract import declared_metrics
from observability.log_contract import declared_fields, line_faults

PATIENCE_SECONDS = 60.0
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
STEPS = ("login", "orders", "catalogue", "placement", "decision", "cancellation")
# What is not of one request or event: samples of the loop, sizes.
WITHOUT_TRACE = {"tandem_event_loop_lag_seconds", "tandem_consumer_transaction_events", "tandem_relay_batch_events"}
# What takes a partner's endpoint; the trace of a webhook has a test of its own.
OF_WEBHOOKS = {"tandem_webhook_attempt_duration_seconds", "tandem_webhook_delivery_age_seconds"}
EXEMPLAR = re.compile(r'^(\w+)_bucket{.*# {.*trace_id="([0-9a-f]{32})"', re.MULTILINE)
BEHIND_A_LOG = {"admin", "api", "relay", "orders", "notifications", "webhooks", "payment", "probe"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With the probe, which orders every second; some of its orders are through, and somebody else's."""
    folder = tmp_path_factory.mktemp("observed")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)  # the account of Postgres passes
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (NO_RATE_LIMITS | {"TANDEM_PROBE_INTERVAL_SECONDS": "1"}).items():
            patch.setenv(name, value)
        with running_system(folder / "home", Progress(Console(file=sys.stderr)), stop=Event(), probed=True) as running:
            wait_for(lambda: len(passed(running)) > 2)
            yield running


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def lines(system: System, name: str) -> list[str]:
    return (system.logs / f"{name}.log").read_text().splitlines()


def passed(system: System) -> list[dict[str, Any]]:
    """What the probe said of orders that went their whole way."""
    said = map(json.loads, lines(system, "probe"))
    return [line for line in said if line["event"] == "probe passed"]


def metrics(system: System, name: str) -> str:
    port = system.wiring.ports.operations[name]
    with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": OPENMETRICS})) as answer:
        text: str = answer.read().decode()
    return text


def sql(system: System, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(system.wiring.postgres, dbname=DATABASE) as superuser:
        return superuser.execute(statement.encode(), values).fetchall()


def test_the_probe_orders_as_a_customer_and_leaves_nothing_behind(system: System) -> None:
    order_id = passed(system)[0]["order_id"]

    assert sql(system, "SELECT state FROM orders_order WHERE id = %s", order_id) == [("cancelled",)]
    exposed = metrics(system, "probe")
    for step in STEPS:
        assert float(re.search(rf'steps_total{{outcome="passed",step="{step}"}} (\S+)', exposed)[1]) > 0  # type: ignore[index]
    ((available, reserved),) = sql(system, "SELECT available, reserved FROM inventory_stock WHERE sku = 'PROBE'")
    assert available + reserved == 20
    assert reserved <= 1


def test_nobody_gets_a_mail_about_it(system: System) -> None:
    order_id = passed(system)[0]["order_id"]
    query = "SELECT kind, state FROM notifications_notification WHERE order_id = %s ORDER BY kind"

    wait_for(lambda: all(state != "pending" for _, state in sql(system, query, order_id)))
    assert sql(system, query, order_id) == [("order_cancelled", "skipped"), ("order_confirmed", "skipped")]


def test_its_trace_shows_what_a_customer_waits_for(system: System) -> None:
    trace_id = passed(system)[0]["trace_id"]
    everybody = {"worker-probe", "admin", "api", "worker-relay", "worker-orders", "payment-sandbox"}

    wait_for(lambda: everybody <= {span.service for span in system.spans.trace(trace_id)})
    spans = {span.name: span for span in system.spans.trace(trace_id)}
    assert spans["probe"].parent_id == ""
    assert {spans[f"probe {step}"].parent_id for step in STEPS} == {spans["probe"].span_id}


def test_every_histogram_of_a_latency_leads_to_a_trace(system: System) -> None:
    browse(system)
    wanted = {metric.name for metric in declared_metrics() if metric.type == "histogram"} - WITHOUT_TRACE - OF_WEBHOOKS

    def shown() -> set[str]:
        """The histograms with an exemplar whose trace has arrived."""
        return {
            series
            for name in BEHIND_A_LOG
            for series, trace_id in EXEMPLAR.findall(metrics(system, name))
            if system.spans.trace(trace_id)
        }

    wait_for(lambda: shown() >= wanted)


def test_every_line_of_every_process_is_as_declared(system: System) -> None:
    browse(system)
    fields = declared_fields()
    faults = {
        f"{name}: {fault}: {text[:300]}"
        for name in BEHIND_A_LOG
        for text in lines(system, name)
        for fault in line_faults(text, fields)
    }

    assert faults == set()
    services = {json.loads(text)["service"] for name in BEHIND_A_LOG for text in lines(system, name)}
    assert len(services) == len(BEHIND_A_LOG)


def test_requests_are_told_in_the_same_words_everywhere(system: System) -> None:
    browse(system)
    shared = {"method", "path", "status", "client", "trace_id"}
    for name, more in (("admin", {"route", "seconds"}), ("api", {"route", "seconds"}), ("payment", set[str]())):
        requests = [line for line in map(json.loads, lines(system, name)) if line["event"] == "request"]
        assert requests, name
        assert [line for line in requests if not shared | more <= line.keys()] == []


def test_an_order_is_found_by_its_id_and_leads_to_its_trace(system: System) -> None:
    order_id = passed(system)[0]["order_id"]
    about = {
        name: [line for line in map(json.loads, lines(system, name)) if line.get("order_id") == order_id]
        for name in ("api", "notifications", "probe")
    }

    placed = next(line for line in about["api"] if line["method"] == "POST" and line["path"] == "/v1/orders")
    assert all("trace_id" in line for said in about.values() for line in said)
    assert {line["trace_id"] for line in about["notifications"]} == {placed["trace_id"]}


def test_no_line_tells_a_secret(system: System) -> None:
    browse(system)
    credentials = system.credentials
    secrets = [
        credentials.django_secret_key,
        credentials.payment_api_key,
        credentials.staff_password,
        credentials.customer_password,
        credentials.probe_client_secret,
        *credentials.role_passwords.values(),
        "tok_visa",
        "Keizersgracht",
        CUSTOMER,
        "Bearer ey",
    ]
    said = {name: "\n".join(lines(system, name)) for name in BEHIND_A_LOG}

    assert [(name, secret) for name, text in said.items() for secret in secrets if secret in text] == []


def browse(system: System) -> None:
    """A customer orders, and strangers ask for what there is not, or send what is none."""
    token = log_in(system.admin_url, CUSTOMER, system.credentials.customer_password)
    with Customer(system.api_url, token) as customer:
        order_id, _ = customer.place_order({"MUG-STONE": 1})
        with customer.following(order_id) as entries:
            assert "paid" in (entry.state for entry in entries)
    for url in (system.api_url, system.admin_url):
        httpx.get(f"{url}/nothing/here?password=hunter2")
        httpx.post(f"{url}/v1/orders", content=b"{", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    httpx.get(f"{system.admin_url}/admin/orders/order/{order_id}/change/")
    httpx.post(f"{system.admin_url}/accounts/login/", data={"login": CUSTOMER, "password": "wrong"})
