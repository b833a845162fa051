"""`tandem-worker events restore`: after the database went back to an earlier moment, the topics agree with it again.

What was stated after that moment is lost, and its versions will be given to other events: nobody may take the one for
the other. What was published before it and applied after it has to be applied again, and lies before the offsets of the
consumers. So what somebody still has to apply is published once more, and then all that was there before is deleted:
the groups find their offsets gone, and begin where the log begins. Both may be repeated.

Positions and heads are the database's, so what is lost, and what is due, is known exactly; no clock is asked.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import psycopg
from aiokafka import ConsumerRecord
from aiokafka.admin import RecordsToDelete
from tandem_contracts.topics import ORDERS, TOPICS
from tandem_runtime.kafka import KafkaSettings

from tandem_worker.notifications.intentions import notifications_consumer
from tandem_worker.orders.process import NAME as ORDER_PROCESS
from tandem_worker.relay.broker import running_producer
from tandem_worker.relay.outbox import SHARDS, take_shards
from tandem_worker.streams.broker import Broker, Extents, answering
from tandem_worker.streams.sightings import Sighting, sighting
from tandem_worker.webhooks.fan_out import webhooks_consumer

Standing = Literal["lost", "due", "applied"]
AT_ONCE = 1000

_STANDING = """
    SELECT CASE
        WHEN seen.version > coalesce(stream.version, 0) THEN 'lost'
        WHEN EXISTS (
            SELECT FROM unnest(%(consumers)s::text[]) AS reader(name)
            LEFT JOIN events_consumerposition AS position
              ON position.consumer = reader.name AND position.aggregate_type = seen.aggregate_type
             AND position.aggregate_id = seen.aggregate_id
            WHERE coalesce(position.version, 0) < seen.version
        ) THEN 'due'
        ELSE 'applied'
    END
    FROM unnest(%(types)s::text[], %(ids)s::uuid[], %(versions)s::bigint[])
      WITH ORDINALITY AS seen(aggregate_type, aggregate_id, version, number)
    LEFT JOIN events_stream AS stream
      ON stream.aggregate_type = seen.aggregate_type AND stream.aggregate_id = seen.aggregate_id
    ORDER BY seen.number
"""


class CompanyError(Exception):
    """Somebody publishes or consumes meanwhile."""


@dataclass
class Findings:
    extents: Extents
    lost: list[Sighting] = field(default_factory=list)
    due: list[ConsumerRecord] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


async def stay_alone(broker: Broker, connection: psycopg.AsyncConnection) -> None:
    """Keep every relay away for as long as the connection lives; CompanyError when one, or a consumer, is at work."""
    if await take_shards(connection, SHARDS) != set(SHARDS):
        raise CompanyError("a relay is at work")
    if busy := await broker.groups_with_members(sorted(_readers())):
        raise CompanyError(f"{', '.join(busy)}: at work")


async def look(broker: Broker, connection: psycopg.AsyncConnection) -> Findings:
    """What is in the topics that the database does not know, and what somebody has yet to apply."""
    found = Findings(await broker.extents(await broker.partitions([topic.name for topic in TOPICS])))
    async for records in _batches(broker.read(found.extents)):
        for record, seen, standing in await _judge(connection, records):
            found.counts[standing] += 1
            if standing == "lost":
                found.lost.append(seen)
            elif standing == "due":
                found.due.append(record)
    return found


async def carry_out(broker: Broker, settings: KafkaSettings, found: Findings) -> None:
    """Publish again what is due, each to its partition and in its order; then delete all that was there."""
    async with running_producer(settings) as producer, answering():
        sent = [
            await producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=record.timestamp,
                headers=list(record.headers),
            )
            for record in found.due
        ]
        await asyncio.gather(*sent)
    old = {partition: RecordsToDelete(extent.end) for partition, extent in found.extents.items() if extent.records}
    async with answering():
        await broker.admin.delete_records(old)


async def _judge(
    connection: psycopg.AsyncConnection, records: Sequence[ConsumerRecord]
) -> list[tuple[ConsumerRecord, Sighting, Standing]]:
    """What is no event is taken for applied: nobody has a position for it, and its letter is in the database."""
    judged: list[tuple[ConsumerRecord, Sighting, Standing]] = []
    for consumers, those in _by_readers(records):
        events = [(record, seen, event) for record, seen in those if (event := seen.event)]
        cursor = await connection.execute(
            _STANDING,
            {
                "consumers": consumers,
                "types": [event.aggregate_type for _, _, event in events],
                "ids": [event.aggregate_id for _, _, event in events],
                "versions": [event.version for _, _, event in events],
            },
        )
        standings = await cursor.fetchall()
        judged += [
            (record, seen, cast("Standing", row[0])) for (record, seen, _), row in zip(events, standings, strict=True)
        ]
    return judged


def _by_readers(records: Sequence[ConsumerRecord]) -> list[tuple[list[str], list[tuple[ConsumerRecord, Sighting]]]]:
    readers = _readers()
    topics = dict.fromkeys(record.topic for record in records)
    return [
        (
            [name for name, read in readers.items() if topic in read],
            [(record, sighting(record)) for record in records if record.topic == topic],
        )
        for topic in topics
    ]


def _readers() -> dict[str, tuple[str, ...]]:
    """The topics of each consumer."""
    others = {consumer.name: consumer.topics for consumer in (notifications_consumer(), webhooks_consumer())}
    return {ORDER_PROCESS: (ORDERS.name,), **others}


async def _batches(records: AsyncIterator[ConsumerRecord]) -> AsyncIterator[list[ConsumerRecord]]:
    batch: list[ConsumerRecord] = []
    async for record in records:
        batch.append(record)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
