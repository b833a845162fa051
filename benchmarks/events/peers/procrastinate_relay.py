"""A task queue on Postgres in place of an outbox: a job an event, which sends it to Kafka.

A lock per aggregate keeps its events in order; jobs of different aggregates run side by side, and share batches.
"""

import os
from typing import Any

import procrastinate
import psycopg
from aiokafka import AIOKafkaProducer
from pydantic import TypeAdapter
from tandem_contracts.envelope import to_kafka
from tandem_contracts.topics import ORDERS
from tandem_runtime import eventloop

from benchmarks.events.outbox import COLUMNS, Row

CONCURRENCY = 20
TASK = "publish"
# From the outbox, so that both have the same events: what the application would defer in its transaction.
DEFER = f"""
    SELECT procrastinate_defer_jobs_v1(ARRAY[(
        'events', '{TASK}', 0, event.aggregate_id::text, NULL, jsonb_build_object('row', to_jsonb(event)), NULL
    )::procrastinate_job_to_defer_v1])
    FROM (SELECT {COLUMNS} FROM events_outboxevent ORDER BY id) AS event
"""
ROW = TypeAdapter(Row)


def app(url: str) -> procrastinate.App:
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=CONCURRENCY))


async def defer_all(url: str) -> None:
    """Make the jobs, as the superuser of `url`, in the same database."""
    queue = app(url)
    async with queue.open_async():
        await queue.schema_manager.apply_schema_async()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser:
        await superuser.execute(DEFER)
        await superuser.execute("ANALYZE procrastinate_jobs")
        await superuser.execute("CHECKPOINT")


async def main() -> None:
    queue = app(os.environ["TANDEM_DATABASE_URL"])
    async with (
        queue.open_async(),
        AIOKafkaProducer(
            bootstrap_servers=os.environ["TANDEM_KAFKA_BOOTSTRAP_SERVERS"], acks="all", enable_idempotence=True
        ) as producer,
    ):

        async def publish(*, row: dict[str, Any]) -> None:
            key, value, headers = to_kafka(ROW.validate_python(row).event())
            await producer.send_and_wait(ORDERS.name, value, key=key, headers=headers)

        queue.task(name=TASK, queue="events")(publish)
        await queue.run_worker_async(concurrency=CONCURRENCY, delete_jobs="successful")


if __name__ == "__main__":
    eventloop.run(main())
