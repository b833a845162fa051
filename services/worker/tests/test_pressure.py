"""The oldest transaction, as the relay's database role sees it."""

import asyncio
from math import isnan

import prometheus_client
import psycopg
import pytest
from kafka_records import provision
from tandem_local.databases import Database
from tandem_runtime.health import Health
from tandem_worker.relay import outbox
from tandem_worker.relay.main import run_relay
from tandem_worker.relay.pressure import oldest_transactions
from tandem_worker.settings import RelaySettings

WRITES = "INSERT INTO events_consumerposition VALUES ('test', 'order', uuidv7(), 1)"
READS = "SELECT version FROM events_consumerposition"


async def ages(database: Database, role: str = "tandem_relay") -> dict[str, float]:
    async with await outbox.open_outbox(database.url(role), application="test") as connection:
        return await oldest_transactions(connection)


async def test_without_transactions_the_ages_are_nothing(database: Database) -> None:
    assert await ages(database) == {"writing": 0, "reading": 0}


@pytest.mark.parametrize(
    ("statement", "kind", "other"), [(WRITES, "writing", "reading"), (READS, "reading", "writing")]
)
async def test_another_roles_open_transaction_is_measured_as_what_it_did(
    database: Database, statement: str, kind: str, other: str
) -> None:
    with psycopg.connect(database.url("tandem_worker")) as connection:
        connection.execute(statement)
        first = await ages(database)
        later = await ages(database)

    assert 0 < first[kind] < later[kind]
    assert first[other] == 0
    assert await ages(database) == {"writing": 0, "reading": 0}


async def test_a_transaction_of_another_database_is_not_ours(database: Database) -> None:
    with psycopg.connect(database.server) as connection:
        connection.execute("SELECT 1")

        assert (await ages(database))["reading"] == 0


async def test_who_may_not_see_others_transactions_is_told_no_number(database: Database) -> None:
    assert all(isnan(age) for age in (await ages(database, "tandem_api")).values())


async def test_the_relay_tells_it(database: Database, kafka_server: str) -> None:
    provision(kafka_server)
    settings = RelaySettings(
        environment="test", database_url=database.url("tandem_relay"), kafka_bootstrap_servers=kafka_server
    )
    stop = asyncio.Event()
    relay = asyncio.create_task(run_relay(settings, Health(), stop))

    def told() -> float:
        return (
            prometheus_client.REGISTRY.get_sample_value(
                "tandem_database_oldest_transaction_age_seconds", {"kind": "writing"}
            )
            or 0
        )

    try:
        with psycopg.connect(database.url("tandem_worker")) as connection:
            connection.execute(WRITES)
            async with asyncio.timeout(30):
                while not told():
                    await asyncio.sleep(0.1)
        async with asyncio.timeout(30):
            while told():
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await relay
