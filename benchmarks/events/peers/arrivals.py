"""A consumer that notes when each event of an order reached it: a process of its own, so that nobody else delays it.

Writes `reading` when it misses nothing any more, then a line an event: the order's id, the type, and the time in
seconds since the epoch.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from signal import SIGTERM
from typing import TextIO

from aiokafka import AIOKafkaConsumer
from tandem_contracts.envelope import from_kafka
from tandem_contracts.topics import ORDERS
from tandem_runtime import eventloop


async def note(file: TextIO) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(SIGTERM, stop.set)
    async with AIOKafkaConsumer(
        ORDERS.name, bootstrap_servers=os.environ["TANDEM_KAFKA_BOOTSTRAP_SERVERS"], fetch_max_wait_ms=100
    ) as kafka:
        await kafka.seek_to_end()
        print("reading", file=file, flush=True)
        while not stop.is_set():
            for records in (await kafka.getmany(timeout_ms=100)).values():
                now = time.time()
                for record in records:
                    event = from_kafka(record.value, record.headers)
                    print(event.aggregate_id, event.type, now, file=file)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w") as notes:
        eventloop.run(note(notes))
