"""The trace of one order: who did what because of whom, over every asynchronous edge; and nothing secret in it."""

import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest
from partners import Receiver
from rich.console import Console
from tandem_local.logins import CUSTOMER
from tandem_local.progress import Progress
from tandem_local.scenario.customer import ADDRESS, Customer, log_in
from tandem_local.scenario.partner import partner_token, register_partner
from tandem_local.spans import Span, SpanStore, receiving_spans
from tandem_local.system import System, running_system

from observability.live.collectors import PROGRAM, running_collectors

PATIENCE_SECONDS = 30.0
QUIET_SECONDS = 2.0
TREE = """
api: POST /v1/orders
  worker-relay: send tandem.orders
    worker-notifications: process order.placed.v1
    worker-orders: process order.placed.v1
      worker-relay: send tandem.orders
        worker-notifications: process order.reserved.v1
        worker-orders: process order.reserved.v1
          worker-orders: POST
            payment-sandbox: POST /v1/payments
          worker-relay: send tandem.orders
            worker-notifications: process order.paid.v1
            worker-notifications: send order_confirmed
            worker-orders: process order.paid.v1
            worker-webhooks: deliver order.paid.v1
            worker-webhooks: process order.paid.v1
        worker-webhooks: process order.reserved.v1
    worker-webhooks: process order.placed.v1
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the system keeps its data; its parents let the account of Postgres pass."""
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o755)
    return tmp_path / "home"


def tree(spans: Sequence[Span]) -> str:
    """The spans of a trace, children under their parents, by name: who is first is chance. Without the database's."""
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.service, span.name)):
        children[span.parent_id if span.parent_id in known else ""].append(span)

    def lines(parent: str, depth: int) -> list[str]:
        told: list[str] = []
        for span in children[parent]:
            if "db.system.name" not in span.attributes and "db.system" not in span.attributes:
                told += [f"{'  ' * depth}{span.service}: {span.name}", *lines(span.span_id, depth + 1)]
        return told

    return "\n".join(lines("", 0))


def whole_trace(spans: SpanStore, trace_id: str) -> list[Span]:
    """The trace once it is as it should be, or there was time enough, and nothing more comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while tree(spans.trace(trace_id)) != TREE.strip() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(QUIET_SECONDS)
    return spans.trace(trace_id)


@contextmanager
def through_collectors(home: Path) -> Iterator[tuple[System, SpanStore]]:
    """The system whose spans pass an agent, and the gateways that share them."""
    if not PROGRAM.exists():
        pytest.skip("there is no collector: `make collector-check` builds it")
    home.mkdir()
    with (
        receiving_spans() as kept,
        running_collectors(home, kept.endpoint, gateways=2, kept_percent=100) as collectors,
        running_system(home, Progress(Console(file=sys.stderr)), stop=Event(), traces=collectors.endpoint) as system,
    ):
        yield system, kept.spans


@contextmanager
def directly(home: Path) -> Iterator[tuple[System, SpanStore]]:
    with running_system(home, Progress(Console(file=sys.stderr)), stop=Event()) as system:
        yield system, system.spans


@pytest.mark.parametrize("way", [directly, through_collectors])
def test_an_order_s_trace_leads_from_the_request_to_the_mail_and_the_webhook(
    home: Path, way: Callable[[Path], AbstractContextManager[tuple[System, SpanStore]]]
) -> None:
    receiver = Receiver()
    with receiver.serving(), way(home) as (system, arrived):
        with httpx.Client(base_url=f"{system.api_url}/v1/webhooks/") as partner:
            token = partner_token(system, *register_partner(system, "Parcels", ["webhooks:manage", "orders:status"]))
            partner.headers["Authorization"] = f"Bearer {token}"
            body = {"url": receiver.url(), "event_types": ["order.paid.v1"]}
            partner.post("endpoints", json=body, headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()
        token = log_in(system.admin_url, CUSTOMER, system.credentials.customer_password)
        with Customer(system.api_url, token) as customer:
            products = httpx.get(f"{system.api_url}/v1/products").raise_for_status().json()["items"]
            order_id, trace_id = customer.place_order({products[0]["sku"]: 1})
            with customer.following(order_id) as entries:
                assert "paid" in (entry.state for entry in entries)
        spans = whole_trace(arrived, trace_id)
        everything = arrived.all()

    assert tree(spans) == TREE.strip()
    assert_nothing_secret(everything, token, system.credentials.customer_password, system.credentials.staff_password)


def assert_nothing_secret(spans: Sequence[Span], *secrets: str) -> None:
    """No attribute of any span holds what the customer is known by, lives at, pays with or proves themselves with."""
    personal = (CUSTOMER, ADDRESS["street"], ADDRESS["recipient"], "tok_visa")
    for span in spans:
        for key, value in span.attributes.items():
            assert not [one for one in (*secrets, *personal) if one in value], f"{span.service} {span.name}: {key}"
