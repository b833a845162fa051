"""A consumer as one writes it first: the next message, a transaction for its position and its effect, the next one."""

import os
import sys
from pathlib import Path

import psycopg
from aiokafka import AIOKafkaConsumer
from tandem_contracts.envelope import Event, from_kafka
from tandem_runtime import eventloop

from benchmarks.events.peers.effects import Clock, total_of

# Only the version that is due moves the position: a duplicate changes nothing.
ADVANCE = """
    INSERT INTO events_consumerposition AS position (consumer, aggregate_type, aggregate_id, version)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (consumer, aggregate_type, aggregate_id) DO UPDATE SET version = excluded.version
    WHERE position.version = excluded.version - 1
"""
KEEP = "INSERT INTO benchmark_effect (consumer, order_id, version, total) VALUES (%s, %s, %s, %s)"


async def main(name: str, topic: str, events: int, file: Path) -> None:
    clock = Clock(events, file)
    done = False
    async with (
        await psycopg.AsyncConnection.connect(os.environ["TANDEM_DATABASE_URL"], autocommit=True) as connection,
        AIOKafkaConsumer(
            topic,
            bootstrap_servers=os.environ["TANDEM_KAFKA_BOOTSTRAP_SERVERS"],
            group_id=name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as kafka,
    ):
        while not done:
            batch = await kafka.getmany(timeout_ms=500)
            for records in batch.values():
                for record in records:
                    clock.begin()
                    applied = await _apply(connection, name, from_kafka(record.value, record.headers))
                    done = clock.committed(applied)
            if batch:
                await kafka.commit()


async def _apply(connection: psycopg.AsyncConnection, name: str, event: Event) -> int:
    async with connection.transaction():
        advanced = await connection.execute(ADVANCE, [name, event.aggregate_type, event.aggregate_id, event.version])
        if advanced.rowcount:
            await connection.execute(KEEP, [name, event.aggregate_id, event.version, total_of(event)])
    return advanced.rowcount


if __name__ == "__main__":
    eventloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
