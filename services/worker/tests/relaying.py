"""The outbox as services fill it, relays over it, and what is in Kafka afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
from kafka_records import read_to_end
from psycopg.types.json import Jsonb
from tandem_contracts.envelope import Event, from_kafka
from tandem_contracts.topics import ORDERS, Topic
from tandem_local.databases import Database
from tandem_runtime.health import Health
from tandem_worker.relay.main import run_relay
from tandem_worker.settings import RelaySettings

TRACE = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


def append(
    database: Database,
    aggregate_id: UUID,
    count: int = 1,
    *,
    kind: str = "order",
    event_type: str = "order.placed.v1",
    payload: dict[str, object] | None = None,
    headers: object = TRACE,
) -> None:
    with psycopg.connect(database.url("tandem_api")) as connection:
        for _ in range(count):
            connection.execute(
                "SELECT append_event(%s, %s, %s, %s, %s)",
                [kind, aggregate_id, event_type, Jsonb(payload or {}), Jsonb(headers)],
            )


def aggregate(database: Database) -> UUID:
    with psycopg.connect(database.url("tandem_api")) as connection:
        row = connection.execute("SELECT uuidv7()").fetchone()
    assert row
    return UUID(str(row[0]))


def waiting(database: Database) -> int:
    with psycopg.connect(database.url()) as superuser:
        row = superuser.execute("SELECT count(*) FROM events_outboxevent").fetchone()
    assert row
    return int(row[0])


async def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def relaying(settings: RelaySettings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_relay(settings, Health(), stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def published(settings: RelaySettings, *aggregates: UUID, topic: Topic = ORDERS) -> list[Event]:
    records = await read_to_end(settings.kafka_bootstrap_servers, topic.name)
    keys = {str(one).encode() for one in aggregates}
    return [from_kafka(record.value, record.headers) for record in records if record.key in keys]
