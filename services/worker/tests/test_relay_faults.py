"""The relay between a broker that refuses and a database that hangs up."""

from pathlib import Path

import psycopg
from kafka import KafkaAdminClient
from kafka_records import provision
from relaying import aggregate, append, published, relaying, until, waiting
from tandem_contracts.topics import ORDERS
from tandem_local.databases import Database
from tandem_local.kafka import running_kafka
from tandem_worker.relay.metrics import FAILURES
from tandem_worker.settings import RelaySettings


def provision_with_orders_of_at_most(size: int, bootstrap_servers: str) -> None:
    """The topics, and that of the orders takes no batch larger than `size` bytes from the beginning."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics(
            {
                ORDERS.name: {
                    "num_partitions": ORDERS.partitions,
                    "replication_factor": 1,
                    "configs": {"max.message.bytes": str(size)},
                }
            }
        )
    finally:
        admin.close()
    provision(bootstrap_servers)


async def test_of_a_batch_that_the_broker_refuses_only_the_event_at_fault_is_parked(
    database: Database, tmp_path: Path
) -> None:
    many = [aggregate(database) for _ in range(30)]
    guilty, innocent = many[7], [one for one in many if one != many[7]]
    for one in many:
        append(database, one, 2)
    append(database, guilty, payload={"much": "x" * 30_000})
    for one in many:
        append(database, one, 2)
    with running_kafka(tmp_path) as kafka:
        # Batches of several events are larger than this as well: they are refused and travel one by one.
        provision_with_orders_of_at_most(4_000, kafka.bootstrap_servers)
        settings = RelaySettings(
            environment="test",
            database_url=database.url("tandem_relay"),
            kafka_bootstrap_servers=kafka.bootstrap_servers,
        )
        refusals = FAILURES.labels(reason="refusal")._value.get()
        async with relaying(settings):
            await until(lambda: waiting(database) == 3)
            append(database, innocent[0])
            await until(lambda: waiting(database) == 3)
        events = await published(settings, *many)

    versions = {one: [event.version for event in events if event.aggregate_id == one] for one in many}
    assert list(dict.fromkeys(versions.pop(guilty))) == [1, 2]
    assert list(dict.fromkeys(versions.pop(innocent[0]))) == [1, 2, 3, 4, 5]
    assert all(list(dict.fromkeys(seen)) == [1, 2, 3, 4] for seen in versions.values())
    assert FAILURES.labels(reason="refusal")._value.get() > refusals


async def test_a_hot_aggregate_keeps_its_order_while_connections_break(database: Database, kafka_server: str) -> None:
    provision(kafka_server)
    settings = RelaySettings(
        environment="test",
        database_url=database.url("tandem_relay"),
        kafka_bootstrap_servers=kafka_server,
        relay_batch_events=25,
        relay_lanes=3,
    )
    hot, others = aggregate(database), [aggregate(database) for _ in range(20)]
    for number in range(600):
        append(database, hot)
        append(database, others[number % len(others)])
    left = waiting(database)

    async with relaying(settings):
        while left > 0:
            now = left
            await until(lambda now=now: waiting(database) < now)
            with psycopg.connect(database.url()) as superuser:
                superuser.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name LIKE 'tandem-relay%' AND datname = current_database()"
                )
            left = min(waiting(database), left - 300)
        await until(lambda: waiting(database) == 0)

    first_seen = dict.fromkeys((event.aggregate_id, event.version) for event in await published(settings, hot, *others))
    assert [version for one, version in first_seen if one == hot] == list(range(1, 601))
    for other in others:
        assert [version for one, version in first_seen if one == other] == list(range(1, 31))
