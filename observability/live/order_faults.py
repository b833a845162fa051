"""What goes wrong around orders: money, stock, mails, partners."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from observability.live.receiver import receiving
from observability.live.theatre import Theatre, publish_product
from observability.live.traffic import wait_for


@contextmanager
def stock_tampered_with(theatre: Theatre) -> Iterator[None]:
    change = "UPDATE inventory_stock SET available = available + %s WHERE sku = %s"
    theatre.store.execute(change, 1, theatre.sku)
    try:
        yield
    finally:
        theatre.store.execute(change, -1, theatre.sku)


@contextmanager
def provider_away(theatre: Theatre) -> Iterator[None]:
    with theatre.frozen("payment"):
        theatre.order(6)
        yield


@contextmanager
def payment_contradicts_itself(theatre: Theatre) -> Iterator[None]:
    """An attempt, which its order waits for, with an amount that the provider was not asked for with the same key."""
    store = theatre.store
    ((attempt, order),) = store.execute(
        "SELECT a.id, o.id FROM orders_paymentattempt a JOIN orders_order o ON o.id = a.order_id"
        " WHERE a.state = 'captured' AND o.state = 'shipped' LIMIT 1"
    )
    store.execute("UPDATE orders_order SET state = 'reserved' WHERE id = %s", order)
    store.execute(
        "UPDATE orders_paymentattempt SET state = 'unknown', amount = amount + 1,"
        " created_at = now() - interval '1 hour' WHERE id = %s",
        attempt,
    )
    try:
        yield
    finally:
        store.execute("UPDATE orders_paymentattempt SET state = 'captured', amount = amount - 1 WHERE id = %s", attempt)
        store.execute("UPDATE orders_order SET state = 'shipped' WHERE id = %s", order)


@contextmanager
def mail_server_away(theatre: Theatre) -> Iterator[None]:
    """Mails go into a folder here; something else is in its place."""
    mails = theatre.store.system.wiring.mails
    away = mails.with_suffix(".away")
    mails.rename(away)
    mails.write_text("no folder")
    try:
        theatre.order(1)
        yield
    finally:
        mails.unlink()
        away.rename(mails)


@contextmanager
def partner_away(theatre: Theatre) -> Iterator[None]:
    """A partner's server that is not there for hours, and comes back."""
    with receiving() as address, theatre.store.partner(("webhooks:manage", "feed:read")) as partner:
        port = int(address.split(":")[2].split("/")[0])
        body = {"url": address, "event_types": ["product.published.v1", "product.changed.v1"]}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        endpoint = partner.post("/v1/webhooks/endpoints", json=body, headers=key).raise_for_status().json()["id"]
    publish_product(theatre.store, pieces=1)
    pending = "FROM webhooks_delivery WHERE state = 'pending' AND endpoint_id = %s"
    wait_for(lambda: bool(theatre.store.execute(f"SELECT 1 {pending}", endpoint)))
    theatre.store.execute(
        "UPDATE webhooks_delivery SET created_at = created_at - interval '2 hours' WHERE endpoint_id = %s", endpoint
    )
    yield
    theatre.store.execute("UPDATE webhooks_delivery SET next_attempt_at = now() WHERE endpoint_id = %s", endpoint)
    with receiving(port):
        wait_for(lambda: not theatre.store.execute(f"SELECT 1 {pending}", endpoint))
