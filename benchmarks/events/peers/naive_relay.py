"""A relay as one writes it first: the oldest row, send it, wait for the broker, delete it, the next one."""

import asyncio
import os

import psycopg
from aiokafka import AIOKafkaProducer
from tandem_contracts.envelope import to_kafka
from tandem_contracts.topics import ORDERS
from tandem_runtime import eventloop

from benchmarks.events.outbox import COLUMNS, Row

OLDEST = f"SELECT {COLUMNS} FROM events_outboxevent ORDER BY id LIMIT 1"


async def main() -> None:
    async with (
        await psycopg.AsyncConnection.connect(os.environ["TANDEM_DATABASE_URL"], autocommit=True) as connection,
        AIOKafkaProducer(
            bootstrap_servers=os.environ["TANDEM_KAFKA_BOOTSTRAP_SERVERS"], acks="all", enable_idempotence=True
        ) as producer,
    ):
        while row := await (await connection.execute(OLDEST)).fetchone():
            key, value, headers = to_kafka(Row(*row).event())
            await producer.send_and_wait(ORDERS.name, value, key=key, headers=headers)
            await connection.execute("DELETE FROM events_outboxevent WHERE id = %s", [row[0]])
        await asyncio.Event().wait()


if __name__ == "__main__":
    eventloop.run(main())
