"""`tandem-worker events of order/<id>`: all that is known of one aggregate, from Kafka and the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from aiokafka import TopicPartition
from sqlalchemy import select, text
from tandem_contracts.envelope import Event
from tandem_contracts.registry import TOPIC_OF
from tandem_tables.events import ConsumerPosition, DeadLetter

from tandem_worker.consumer.positions import Aggregate
from tandem_worker.database import SessionFactory
from tandem_worker.dead_letters.decisions import Which, find_letters
from tandem_worker.relay.outbox import OutboxRow
from tandem_worker.relay.records import event_of, partition_of
from tandem_worker.streams.broker import Broker, Extent
from tandem_worker.streams.sightings import Sighting, sighting

WAITING = text("""
    SELECT id, event_id, producer, aggregate_type, aggregate_id, version, type, payload::text, headers, occurred_at
    FROM events_outboxevent WHERE aggregate_type = :type AND aggregate_id = :id ORDER BY version
""")
HEAD = text("SELECT version FROM events_stream WHERE aggregate_type = :type AND aggregate_id = :id")
ALL_STATES = ("dead", "queued", "replayed", "discarded")
UUID_WITH_TIME = 7
# By so much the clocks of those who make ids and those who publish may differ, and more.
CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database has: the last version stated (None: no stream), what waits, and where the consumers are."""

    head: int | None
    waiting: list[Event]
    positions: dict[str, int]
    letters: Sequence[DeadLetter]


@dataclass(frozen=True, slots=True)
class Published:
    """What Kafka has; `removed` tells that retention has removed older records of the partition."""

    sightings: list[Sighting]
    removed: bool


async def find_stored(sessions: SessionFactory, aggregate: Aggregate) -> Stored:
    """All of one moment. To be asked before Kafka: what is published meanwhile is then seen twice, not nowhere."""
    kind, identity = aggregate
    key = {"type": kind, "id": identity}
    async with sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        waiting = [OutboxRow(*row) for row in await session.execute(WAITING, key)]
        positions = await session.scalars(
            select(ConsumerPosition)
            .where(ConsumerPosition.aggregate_type == kind, ConsumerPosition.aggregate_id == identity)
            .order_by(ConsumerPosition.consumer)
        )
        return Stored(
            head=await session.scalar(HEAD, key),
            waiting=[event_of(row, row.headers) for row in waiting],
            positions={position.consumer: position.version for position in positions},
            letters=await find_letters(session, Which(aggregate=aggregate), states=ALL_STATES),
        )


async def find_published(broker: Broker, aggregate: Aggregate) -> Published:
    """Every record under the aggregate's key, from the one partition where they can be."""
    kind, identity = aggregate
    topic, key = TOPIC_OF[kind], str(identity).encode()
    await broker.partitions([topic.name])
    partition = TopicPartition(topic.name, partition_of(key, topic.partitions))
    extent = (await broker.extents([partition]))[partition]
    span = Extent(await _beginning(broker, partition, extent, identity), extent.end)
    found = [sighting(record) async for record in broker.read({partition: span}) if record.key == key]
    return Published(found, removed=extent.beginning > 0)


async def _beginning(broker: Broker, partition: TopicPartition, extent: Extent, identity: UUID) -> int:
    """Where to begin to read: an id that tells when it was made spares all that is older."""
    if identity.version != UUID_WITH_TIME:
        return extent.beginning
    made = (identity.int >> 80) - CLOCKS_DIFFER // timedelta(milliseconds=1)
    offset = await broker.offset_at(partition, max(0, made))
    return extent.end if offset is None else offset
