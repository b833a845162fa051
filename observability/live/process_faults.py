"""What goes wrong with processes, and what becomes of those that are asked too much."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import sleep

import httpx

from observability.live.theatre import Theatre
from observability.live.traffic import wait_for

# More than the pool and its queue hold, so that some are turned away.
FLOOD = 150


@contextmanager
def process_gone(theatre: Theatre) -> Iterator[None]:
    theatre.kill("notifications")
    try:
        yield
    finally:
        theatre.start("notifications")


@contextmanager
def process_restarting(theatre: Theatre) -> Iterator[None]:
    for _ in range(5):
        theatre.kill("notifications")
        theatre.start("notifications")
        sleep(2)  # Prometheus reads each of them
    yield


@contextmanager
def relay_hangs(theatre: Theatre) -> Iterator[None]:
    """It tells nothing of itself then; who orders sees it."""
    with theatre.frozen("relay"):
        yield


@contextmanager
def probe_gone(theatre: Theatre) -> Iterator[None]:
    theatre.kill("probe")
    try:
        yield
    finally:
        theatre.start("probe")


@contextmanager
def schema_behind(theatre: Theatre) -> Iterator[None]:
    """A release of the admin begins before its migrations are there."""
    ((number, app, name, applied),) = theatre.store.execute(
        "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'orders')"
        " RETURNING id, app, name, applied"
    )
    theatre.kill("admin")
    theatre.begin("admin")
    wait_for(lambda: readiness(theatre) == httpx.codes.SERVICE_UNAVAILABLE)
    try:
        yield
    finally:
        theatre.store.execute("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", number, app, name, applied)
        wait_for(lambda: readiness(theatre) == httpx.codes.OK)


@contextmanager
def key_ends(theatre: Theatre) -> Iterator[None]:
    """The one key that signs tokens is years old, and has an hour left."""
    ends = datetime.now(UTC) + timedelta(hours=1)
    key = {"pem": theatre.store.system.credentials.oidc_private_key, "not_before": "2020-01-01T00:00:00Z"}
    theatre.kill("admin")
    theatre.begin("admin", TANDEM_OIDC_PRIVATE_KEYS=json.dumps([key | {"expires_at": ends.isoformat()}]))
    try:
        yield
    finally:
        theatre.kill("admin")
        theatre.start("admin")


def readiness(theatre: Theatre) -> int:
    """The status of the admin's answer; 0 while there is none. In a cluster the kubelet asks."""
    try:
        return httpx.get(f"http://127.0.0.1:{theatre.store.system.wiring.ports.operations['admin']}/readyz").status_code
    except httpx.TransportError:
        return 0


@contextmanager
def loop_blocked(theatre: Theatre) -> Iterator[None]:
    """A process that hardly runs."""
    ended = threading.Event()

    def hold() -> None:
        while not ended.wait(0.3):
            with theatre.frozen("webhooks"):
                sleep(1.2)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def limits_away(theatre: Theatre) -> Iterator[None]:
    """Visitors come, and nobody counts them."""
    ended = threading.Event()

    def visit() -> None:
        with theatre.store.visitor() as visitor:
            while not ended.wait(0.2):
                visitor.get("/v1/products")

    thread = threading.Thread(target=visit)
    with theatre.frozen("limits"):
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def flood(theatre: Theatre) -> Iterator[None]:
    """More customers than the pool has connections, and each of their statements waits."""
    ended = threading.Event()
    with theatre.store.customer() as customer:
        headers = dict(customer.headers)

    def ask(client: httpx.Client) -> None:
        while not ended.is_set():
            try:
                client.get("/v1/orders", headers=headers)
            except httpx.HTTPError:
                ended.wait(0.1)

    limits = httpx.Limits(max_connections=FLOOD)
    with (
        httpx.Client(base_url=theatre.store.system.api_url, timeout=30, limits=limits) as client,
        ThreadPoolExecutor(FLOOD) as pool,
        theatre.store.superuser() as session,
    ):
        try:
            with session.transaction():
                session.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
                for _ in range(FLOOD):
                    pool.submit(ask, client)
                yield
        finally:
            ended.set()
