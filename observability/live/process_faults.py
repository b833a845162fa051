"""What goes wrong with processes, and what becomes of those that are asked too much."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep

import httpx

from observability.live.theatre import Theatre

FLOOD = 60


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
