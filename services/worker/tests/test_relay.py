"""The relay, as a task and as a process, between a real Postgres and a real Kafka."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from kafka_records import provision
from relaying import TRACE, aggregate, append, published, relaying, until, waiting
from tandem_contracts.topics import CATALOG, INVENTORY
from tandem_local.databases import Database
from tandem_local.kafka import running_kafka
from tandem_runtime.health import Health
from tandem_worker.relay.main import run_relay
from tandem_worker.settings import RelaySettings


@pytest.fixture
def settings(database: Database, kafka_server: str) -> RelaySettings:
    provision(kafka_server)
    return RelaySettings(
        environment="test",
        database_url=database.url("tandem_relay"),
        kafka_bootstrap_servers=kafka_server,
        relay_batch_events=20,
    )


async def test_events_are_published_in_order_per_aggregate_and_leave_the_outbox(
    settings: RelaySettings, database: Database
) -> None:
    aggregates = [aggregate(database) for _ in range(5)]
    for _ in range(10):
        for one in aggregates:
            append(database, one)

    async with relaying(settings):
        await until(lambda: waiting(database) == 0)

    events = await published(settings, *aggregates)
    for one in aggregates:
        assert [event.version for event in events if event.aggregate_id == one] == list(range(1, 11))


async def test_a_record_carries_the_event_and_the_trace_of_its_cause(
    settings: RelaySettings, database: Database
) -> None:
    one = aggregate(database)
    append(database, one, payload={"answer": 42})

    async with relaying(settings):
        await until(lambda: waiting(database) == 0)

    (event,) = await published(settings, one)
    assert (event.type, event.source, event.version) == ("order.placed.v1", "/tandem/api", 1)
    assert event.body == b'{"answer": 42}'
    assert event.trace["traceparent"].split("-")[1] == "a" * 32


async def test_what_was_rolled_back_is_never_published(settings: RelaySettings, database: Database) -> None:
    one, other = aggregate(database), aggregate(database)
    with psycopg.connect(database.url("tandem_api")) as connection:
        connection.execute("SELECT append_event('order', %s, 'order.placed.v1', '{}', '{}')", [one])
        connection.rollback()
    append(database, other)

    async with relaying(settings):
        await until(lambda: waiting(database) == 0)

    assert [event.aggregate_id for event in await published(settings, one, other)] == [other]


async def test_an_event_that_cannot_be_sent_parks_its_aggregate_only(
    settings: RelaySettings, database: Database
) -> None:
    parked, free = aggregate(database), aggregate(database)
    append(database, parked)
    append(database, parked, payload={"much": "x" * 2_000_000})
    append(database, parked)
    append(database, free, 3)

    async with relaying(settings):
        await until(lambda: waiting(database) == 2)
        append(database, free)
        await until(lambda: waiting(database) == 2)

    events = await published(settings, parked, free)
    assert [event.version for event in events if event.aggregate_id == parked] == [1]
    assert [event.version for event in events if event.aggregate_id == free] == [1, 2, 3, 4]


async def test_aggregates_of_two_kinds_that_share_an_id_are_parked_apart(
    settings: RelaySettings, database: Database
) -> None:
    shared = aggregate(database)
    append(database, shared, kind="product", event_type="product.published.v1", payload={"much": "x" * 2_000_000})
    append(database, shared, 2, kind="stock", event_type="stock.received.v1")

    async with relaying(settings):
        await until(lambda: waiting(database) == 1)

    assert [event.version for event in await published(settings, shared, topic=INVENTORY)] == [1, 2]
    assert await published(settings, shared, topic=CATALOG) == []


@pytest.mark.parametrize(
    ("kind", "headers"), [("order", ["a list"]), ("order", {"traceparent": 7}), ("unicorn", TRACE)]
)
async def test_a_row_that_makes_no_record_parks_its_aggregate_only(
    settings: RelaySettings, database: Database, kind: str, headers: object
) -> None:
    parked, free = aggregate(database), aggregate(database)
    append(database, parked, kind=kind, headers=headers)
    append(database, free, 3)

    async with relaying(settings):
        await until(lambda: waiting(database) == 1)

    assert [event.version for event in await published(settings, free)] == [1, 2, 3]


async def test_without_a_broker_the_relay_lives_and_stops_when_asked(database: Database, tmp_path: Path) -> None:
    one, health, stop = aggregate(database), Health(), asyncio.Event()
    with running_kafka(tmp_path) as kafka:
        provision(kafka.bootstrap_servers)
        settings = RelaySettings(
            environment="test",
            database_url=database.url("tandem_relay"),
            kafka_bootstrap_servers=kafka.bootstrap_servers,
        )
        relay = asyncio.create_task(run_relay(settings, health, stop))
        append(database, one)
        await until(lambda: waiting(database) == 0)
    append(database, one)
    await asyncio.sleep(5)

    assert health.alive(2), "a broker that is away is no reason to be restarted"
    stop.set()
    await asyncio.wait_for(relay, timeout=60)
    assert waiting(database) == 1


async def test_the_relay_survives_its_database_connection(settings: RelaySettings, database: Database) -> None:
    one = aggregate(database)
    async with relaying(settings):
        append(database, one)
        await until(lambda: waiting(database) == 0)
        with psycopg.connect(database.url()) as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tandem-relay' AND datname = current_database()"
            )
        append(database, one)
        await until(lambda: waiting(database) == 0)

    assert [event.version for event in await published(settings, one)] == [1, 2]
