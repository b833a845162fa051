"""Kafka as the feed reads it: every partition, no group, from the end on."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from tandem_contracts.topics import Topic

# Bounds every step of getting connected, so that a broker that swallows packets does not hold the feed up for ever.
CONNECT_SECONDS = 15
REQUEST_MS = 10_000
POLL_MS = 1000
CLOSE_SECONDS = 5

log = structlog.get_logger()


class Source:
    """An assigned consumer; KafkaError from any method means: open a new one."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._opened = time.time()

    async def read(self) -> list[ConsumerRecord]:
        """The next records, or none after a second; those of one aggregate are in order."""
        batches = await self._consumer.getmany(*self._partitions, timeout_ms=POLL_MS)
        return [record for batch in batches.values() for record in batch]

    def silent_seconds(self) -> float:
        """Time since the broker last answered a fetch, with or without records, of the partition it neglects most.

        A consumer whose broker is away raises nothing: `getmany` just returns nothing.
        """
        answered = (self._consumer.last_poll_timestamp(partition) for partition in self._partitions)
        return time.time() - min(self._opened if moment is None else moment / 1000 for moment in answered)


@asynccontextmanager
async def open_source(connection: Mapping[str, Any], topics: Sequence[Topic]) -> AsyncIterator[Source]:
    """Connect and take the present ends of all partitions as positions: what is published from now on will be read.

    `connection` is KafkaSettings.kafka_connection(). Raises KafkaError or TimeoutError when brokers or topics are not
    there.
    """
    partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    consumer = AIOKafkaConsumer(
        **connection,
        client_id="tandem-api",
        group_id=None,
        enable_auto_commit=False,
        # An offset that is gone must be known to us: then events are missed, and the database has to be read anew.
        auto_offset_reset="none",
        request_timeout_ms=REQUEST_MS,
    )
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await consumer.start()
            ends = await consumer.end_offsets(partitions)
        # No await between these: the fetcher would look for a position, and fail for want of one.
        consumer.assign(partitions)
        for partition, offset in ends.items():
            consumer.seek(partition, offset)
        yield Source(consumer, partitions)
    finally:
        await _close(consumer)


async def _close(consumer: AIOKafkaConsumer) -> None:
    """Stop the consumer, whatever it says to that.

    In a task of its own: with a broker away its `stop` awaits requests that it has just cancelled, and their
    CancelledError would look like ours and end the feed for good.
    """
    closing = asyncio.create_task(consumer.stop())
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
    if not closing.done() or closing.cancelled():
        closing.cancel()
        await consumer._client.close()  # noqa: SLF001 - `stop` has not come to that, and would not begin again
    elif error := closing.exception():
        log.info("consumer not closed well", error=repr(error))
