"""What goes wrong with events: it begins when its block does, and is mended when the block ends."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

from kafka import KafkaConsumer
from tandem_contracts.topics import ORDERS
from tandem_local.logins import STAFF

from observability.live.theatre import Theatre
from observability.live.traffic import wait_for

# What the relay locks; see tandem_worker.relay.outbox.
SHARD_LOCKS = 0x7A4D


@contextmanager
def kafka_away(theatre: Theatre) -> Iterator[None]:
    with theatre.frozen("kafka"):
        theatre.order(1)
        yield


@contextmanager
def shard_held(theatre: Theatre) -> Iterator[None]:
    """A session that nobody knows of keeps a shard from the relay."""
    theatre.kill("relay")
    with theatre.store.superuser() as session:
        session.execute("SELECT pg_advisory_lock(%s, 5)", [SHARD_LOCKS])
        theatre.start("relay")
        yield


@contextmanager
def event_unsendable(theatre: Theatre) -> Iterator[None]:
    """Of a type that no topic is for."""
    identity = str(uuid.uuid4())
    theatre.store.execute("SELECT append_event('nobody', %s, 'nobody.knew.v1', '{}'::jsonb, '{}')", identity)
    yield
    theatre.store.execute("DELETE FROM events_outboxevent WHERE aggregate_id = %s", identity)
    theatre.kill("relay")
    theatre.start("relay")


@contextmanager
def stranger_in_the_group(theatre: Theatre) -> Iterator[None]:
    """Somebody who reads the order process's partitions, and does nothing with them."""
    stranger: Any = KafkaConsumer(
        ORDERS.name,
        bootstrap_servers=theatre.store.system.wiring.kafka,
        group_id="tandem-orders",
        enable_auto_commit=False,
    )
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            stranger.poll(timeout_ms=200)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        stranger.close(autocommit=False)


@contextmanager
def stock_locked(theatre: Theatre) -> Iterator[None]:
    """Somebody's open transaction: orders are placed, and nobody can set their pieces aside."""
    with theatre.store.superuser() as session, session.transaction():
        session.execute("SELECT pg_current_xact_id()")
        session.execute("LOCK TABLE inventory_stock IN EXCLUSIVE MODE")
        theatre.order(15)
        yield


@contextmanager
def orders_late(theatre: Theatre) -> Iterator[None]:
    """Orders that waited: their events take effect when the lock is gone, too late."""
    with theatre.store.superuser() as session, session.transaction():
        session.execute("LOCK TABLE inventory_stock IN EXCLUSIVE MODE")
        theatre.order(20)
        sleep(8)
    yield


@contextmanager
def poison(theatre: Theatre) -> Iterator[None]:
    """Events of orders that there are not, as a bad release might state them."""
    ((payload,),) = theatre.store.execute(
        "SELECT payload FROM orders_timelineentry WHERE event_type = 'order.placed.v1' LIMIT 1"
    )
    for _ in range(30):
        order_id = str(uuid.uuid4())
        theatre.store.execute(
            "SELECT append_event('order', %s, 'order.placed.v1', %s::jsonb, '{}')",
            order_id,
            json.dumps(payload | {"order_id": order_id}),
        )
    try:
        yield
    finally:
        _discard_all(theatre)


@contextmanager
def old_letters(theatre: Theatre) -> Iterator[None]:
    """A dead letter that nobody has looked at for two hours."""
    theatre.store.write_foreign_record(ORDERS.name)
    wait_for(lambda: bool(_unsettled(theatre)))
    theatre.store.execute("UPDATE events_deadletter SET created_at = created_at - interval '2 hours'")
    try:
        yield
    finally:
        _discard_all(theatre)


def _unsettled(theatre: Theatre) -> list[str]:
    """Consumers with dead letters, or with events that the guard holds until the letters are old enough."""
    rows = theatre.store.execute("SELECT DISTINCT consumer FROM events_deadletter WHERE state IN ('dead', 'queued')")
    return [row[0] for row in rows]


def _discard_all(theatre: Theatre) -> None:
    """Decide about all of them; what the guard held dies then, and is decided about too."""
    for _ in range(5):
        theatre.store.execute("UPDATE events_deadletter SET created_at = created_at - interval '2 hours'")
        for consumer in _unsettled(theatre):
            theatre.store.command(
                ["tandem-worker", "discard", "--consumer", consumer, "--why", "a fault", "--by", STAFF, "--wait"]
            )
        sleep(3)
