"""A partner in the whole system: a token, a subscription, and what staff do arrives signed, under its trace."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import httpx
import pytest
from partners import Receiver
from rich.console import Console
from tandem_local.progress import Progress
from tandem_local.scenario.partner import partner_token, register_partner, run_in_admin
from tandem_local.system import running_system

CHANGE_A_PRODUCT = """
import json
from django.db import transaction
from tandem_admin.catalog.models import Product
from tandem_admin.catalog.services import save_product
product = Product.objects.filter(status="published").earliest("pk")
product.name = "Renamed for partners"
with transaction.atomic():
    save_product(product)
print(json.dumps(str(product.pk)))
"""


def wait_for(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the system keeps its data; its parents let the account of Postgres pass."""
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o755)
    return tmp_path / "home"


def test_what_staff_change_arrives_at_a_partner(home: Path) -> None:
    receiver = Receiver()
    with (
        receiver.serving(),
        running_system(home, Progress(Console(file=sys.stderr)), stop=Event()) as system,
        httpx.Client(base_url=f"{system.api_url}/v1/webhooks/") as partner,
    ):
        token = partner_token(system, *register_partner(system, "Parcels", ["webhooks:manage", "feed:read"]))
        partner.headers["Authorization"] = f"Bearer {token}"

        body = {"url": receiver.url(), "event_types": ["product.changed.v1"]}
        endpoint = partner.post("endpoints", json=body, headers={"Idempotency-Key": "subscribe"}).raise_for_status()
        path, secret = f"endpoints/{endpoint.json()['id']}", endpoint.json()["secret"]
        tried = partner.post(f"{path}/test", headers={"Idempotency-Key": "test"}).raise_for_status()
        wait_for(lambda: len(receiver.messages) == 1)
        product_id = run_in_admin(system, CHANGE_A_PRODUCT)
        wait_for(lambda: len(receiver.messages) == 2)

        test, changed = receiver.messages
        assert test.headers["webhook-id"] == tried.json()["event_id"]
        assert test.verified_by(secret)["type"] == "webhook.test.v1"
        told = changed.verified_by(secret)
        assert (told["type"], told["data"]["product_id"]) == ("product.changed.v1", product_id)
        assert told["data"]["name"] == "Renamed for partners"
        wait_for(lambda: {one["state"] for one in partner.get(f"{path}/deliveries").json()["items"]} == {"delivered"})

        trace_id = test.headers["traceparent"].split("-")[1]
        wait_for(lambda: {"api", "worker-webhooks"} <= {span.service for span in system.spans.trace(trace_id)})
