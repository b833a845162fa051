"""What the restored database knows of a record: its stream's head, and the position of each consumer, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
from aiokafka import ConsumerRecord
from tandem_contracts.topics import ORDERS

from tandem_worker.notifications.intentions import notifications_consumer
from tandem_worker.orders.process import NAME as ORDER_PROCESS
from tandem_worker.streams.sightings import Sighting, sighting
from tandem_worker.webhooks.fan_out import webhooks_consumer

# Lost: the database does not know it. Due: somebody has not applied it yet.
Standing = Literal["lost", "malformed", "due", "applied"]

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


@dataclass(frozen=True, slots=True)
class Judged:
    record: ConsumerRecord
    seen: Sighting
    standing: Standing


def readers() -> dict[str, tuple[str, ...]]:
    """The topics of each consumer."""
    others = {consumer.name: consumer.topics for consumer in (notifications_consumer(), webhooks_consumer())}
    return {ORDER_PROCESS: (ORDERS.name,), **others}


async def judge(connection: psycopg.AsyncConnection, records: Sequence[ConsumerRecord]) -> list[Judged]:
    """The records, those of a partition in their order."""
    judged: list[Judged] = []
    for topic in dict.fromkeys(record.topic for record in records):
        sightings = [(record, sighting(record)) for record in records if record.topic == topic]
        events = [(record, seen, seen.event) for record, seen in sightings if seen.event]
        cursor = await connection.execute(
            _STANDING,
            {
                "consumers": [name for name, topics in readers().items() if topic in topics],
                "types": [event.aggregate_type for _, _, event in events],
                "ids": [event.aggregate_id for _, _, event in events],
                "versions": [event.version for _, _, event in events],
            },
        )
        standings = await cursor.fetchall()
        judged += [Judged(record, seen, row[0]) for (record, seen, _), row in zip(events, standings, strict=True)]
        judged += [Judged(record, seen, "malformed") for record, seen in sightings if not seen.event]
    return judged
