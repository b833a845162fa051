"""A little of everything that happens in a store, so that every panel has something to show."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
from tandem_contracts.topics import ORDERS
from tandem_local.logins import STAFF
from tandem_local.scenario import play
from tandem_local.scenario.browser import Browser, UnexpectedPageError
from tandem_local.scenario.staff import Staff

from observability.live.receiver import receiving
from observability.live.store import Store

PATIENCE_SECONDS = 60


def everything(store: Store) -> None:
    """The scenario, a partner, a search, and what goes wrong on an ordinary day."""
    progress = store.system.progress
    play(store.system)
    with progress.step("partner", "hears of the scenario's twin by webhook"), receiving() as address:
        _subscribe(store, address)
        play(store.system)
        wait_for(lambda: _count(store, "SELECT count(*) FROM webhooks_delivery WHERE state = 'delivered'") > 0)
    with progress.step("visitor", "searches"), store.visitor() as visitor:
        for words in ("notebook", "xyzzyplugh"):
            visitor.get("/v1/products").raise_for_status()
            visitor.get("/v1/search/products", params={"q": words}).raise_for_status()
    with progress.step("staff", "ask for what the order does not allow"):
        _ask_for_a_second_shipment(store)
    with progress.step("a stranger", "writes to our topic, and staff discard it"):
        store.write_foreign_record(ORDERS.name)
        wait_for(lambda: _count(store, "SELECT count(*) FROM events_deadletter WHERE state = 'dead'") > 0)
        for consumer in [row[0] for row in store.execute("SELECT DISTINCT consumer FROM events_deadletter")]:
            store.command(
                ["tandem-worker", "discard", "--consumer", consumer, "--why", "no event", "--by", STAFF, "--wait"]
            )
    with progress.step("database", "keeps everybody waiting for a moment"):
        keep_waiting(store)


def wait_for(done: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return when it is so; TimeoutError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it within {seconds} s")
        time.sleep(0.1)


def keep_waiting(store: Store) -> None:
    """Lock the orders for as long as it takes that requests of the API and the back office fail."""
    browser = Browser(store.system.admin_url)
    with browser, store.customer() as customer, store.superuser() as session, ThreadPoolExecutor(2) as pool:
        Staff(browser).log_in(STAFF, store.system.credentials.staff_password)
        with session.transaction():
            session.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
            refused = pool.submit(lambda: customer.get("/v1/orders").status_code)
            failed = pool.submit(_look_at_orders, browser)
            refused.result()
            failed.result()


def _look_at_orders(browser: Browser) -> None:
    with suppress(httpx.HTTPError, UnexpectedPageError):  # what the page answers is what is looked for
        browser.open("/admin/orders/order/")


def _subscribe(store: Store, address: str) -> None:
    with store.partner(("webhooks:manage", "feed:read")) as partner:
        body = {"url": address, "event_types": ["product.published.v1"]}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        partner.post("/v1/webhooks/endpoints", json=body, headers=key).raise_for_status()


def _ask_for_a_second_shipment(store: Store) -> None:
    """State it past the back office, which would not let it through."""
    ((order_id, payload),) = store.execute(
        "SELECT order_id, payload::text FROM orders_timelineentry"
        " WHERE event_type = 'order.shipment_registered.v1' ORDER BY order_id LIMIT 1"
    )
    store.execute(
        "SELECT append_event('order', %s, 'order.shipment_registered.v1', %s::jsonb, '{}')", order_id, payload
    )


def _count(store: Store, statement: str) -> int:
    return int(store.execute(statement)[0][0])
