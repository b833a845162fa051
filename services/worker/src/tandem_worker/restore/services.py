"""After the database went back to an earlier moment, the topics are made to agree with it again.

What was stated after that moment is lost, and its versions will be given to other events: nobody may take the one for
the other. What was published before it and applied after it has to be applied again, and lies before the offsets of the
consumers. So what somebody still has to apply is published once more, and then all that was there before is deleted:
the groups find their offsets gone, and begin where the log begins. All of it may be repeated.

Positions and heads are the database's, so what is lost, and what is due, is known exactly; no clock is asked. However
much there is, only a batch of it is in memory: it is read twice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import RecordsToDelete
from tandem_contracts.topics import TOPICS
from tandem_runtime.kafka import KafkaSettings

from tandem_worker.relay.broker import running_producer
from tandem_worker.relay.outbox import SHARDS, take_shards
from tandem_worker.restore.standings import Judged, judge, readers
from tandem_worker.streams.broker import Broker, Extents, answering

AT_ONCE = 1000


class CompanyError(Exception):
    """Somebody publishes or consumes meanwhile."""


async def stay_alone(broker: Broker, connection: psycopg.AsyncConnection) -> None:
    """Keep every relay away for as long as the connection lives; CompanyError when one, or a consumer, is at work.

    A relay of another database, such as the one of before, is not seen by this; see `publish_due`.
    """
    if await take_shards(connection, SHARDS) != set(SHARDS):
        raise CompanyError("a relay is at work")
    if busy := await broker.groups_with_members(sorted(readers())):
        raise CompanyError(f"{', '.join(busy)}: at work")


async def all_extents(broker: Broker) -> Extents:
    return await broker.extents(await broker.partitions([topic.name for topic in TOPICS]))


async def look(broker: Broker, connection: psycopg.AsyncConnection, extents: Extents) -> AsyncIterator[list[Judged]]:
    """What is in the topics, and what the database knows of it: a batch at a time."""
    batch: list[ConsumerRecord] = []
    async for record in broker.read(extents):
        batch.append(record)
        if len(batch) == AT_ONCE:
            yield await judge(connection, batch)
            batch = []
    if batch:
        yield await judge(connection, batch)


async def publish_due(
    broker: Broker, connection: psycopg.AsyncConnection, settings: KafkaSettings, extents: Extents
) -> None:
    """Publish again what is due, each to its partition and in its order.

    CompanyError when anything else was published since `extents` were taken: it would outlive the deletion.
    """
    published: Counter[TopicPartition] = Counter()
    async with running_producer(settings) as producer:
        async for batch in look(broker, connection, extents):
            due = [judged.record for judged in batch if judged.standing == "due"]
            async with answering():
                sent = [
                    await producer.send(
                        record.topic,
                        record.value,
                        key=record.key,
                        partition=record.partition,
                        timestamp_ms=record.timestamp,
                        headers=list(record.headers),
                    )
                    for record in due
                ]
                await asyncio.gather(*sent)
            published.update(TopicPartition(record.topic, record.partition) for record in due)
    for partition, extent in (await broker.extents(list(extents))).items():
        if extent.end != extents[partition].end + published[partition]:
            raise CompanyError(f"somebody published to {partition.topic}/{partition.partition}")


async def delete_all_before(broker: Broker, extents: Extents) -> None:
    """Delete what the topics had when `extents` were taken."""
    old = {partition: RecordsToDelete(extent.end) for partition, extent in extents.items() if extent.records}
    async with answering():
        await broker.admin.delete_records(old)
