"""Where a consumer is in each aggregate's stream, in SQL. The row's lock serialises the work on an aggregate."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event

Aggregate = tuple[str, UUID]
Standing = Literal["due", "duplicate", "behind", "gap"]

LOCK = text("""
    SELECT position.aggregate_type, position.aggregate_id, position.version
    FROM events_consumerposition AS position
    JOIN unnest(CAST(:types AS text[]), CAST(:ids AS uuid[])) AS wanted(aggregate_type, aggregate_id)
      ON position.aggregate_type = wanted.aggregate_type AND position.aggregate_id = wanted.aggregate_id
    WHERE position.consumer = :consumer
    ORDER BY position.aggregate_type, position.aggregate_id
    FOR UPDATE OF position
""")
# DO UPDATE rather than DO NOTHING: it locks and returns the row that somebody else was first to insert.
BEGIN = text("""
    INSERT INTO events_consumerposition AS position (consumer, aggregate_type, aggregate_id, version)
    SELECT :consumer, aggregate_type, aggregate_id, version
    FROM unnest(CAST(:types AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[]))
      AS wanted(aggregate_type, aggregate_id, version)
    ORDER BY aggregate_type, aggregate_id
    ON CONFLICT (consumer, aggregate_type, aggregate_id) DO UPDATE SET version = position.version
    RETURNING aggregate_type, aggregate_id, version
""")
ADVANCE = text("""
    UPDATE events_consumerposition AS position
    SET version = reached.version
    FROM unnest(CAST(:types AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[]))
      AS reached(aggregate_type, aggregate_id, version)
    WHERE position.consumer = :consumer
      AND position.aggregate_type = reached.aggregate_type
      AND position.aggregate_id = reached.aggregate_id
""")
FIND = text("""
    SELECT version FROM events_consumerposition
    WHERE consumer = :consumer AND aggregate_type = :type AND aggregate_id = :id
""")
WAITING = text("""
    SELECT DISTINCT letter.aggregate_type, letter.aggregate_id
    FROM events_deadletter AS letter
    JOIN unnest(CAST(:types AS text[]), CAST(:ids AS uuid[])) AS wanted(aggregate_type, aggregate_id)
      ON letter.aggregate_type = wanted.aggregate_type AND letter.aggregate_id = wanted.aggregate_id
    WHERE letter.consumer = :consumer AND letter.state IN ('dead', 'queued')
""")


def aggregate_of(event: Event) -> Aggregate:
    return event.aggregate_type, event.aggregate_id


def standing(version: int, *, position: int, waiting: bool) -> Standing:
    """What an event's version means for a consumer at `position`, with or without dead letters of the aggregate."""
    if version <= position:
        return "duplicate"
    if waiting:
        return "behind"
    return "due" if version == position + 1 else "gap"


async def lock_positions(
    session: AsyncSession, consumer: str, first_versions: Mapping[Aggregate, int]
) -> dict[Aggregate, int]:
    """The last applied version of each aggregate, locked until the transaction ends.

    `first_versions` has the lowest version in hand. An aggregate that the consumer never saw begins just before it: a
    consumer that starts late may begin anywhere in streams older than itself. Everybody locks in the same order.
    """
    positions: dict[Aggregate, int] = {}
    known = {aggregate: first for aggregate, first in first_versions.items() if first > 1}  # or so it seems
    if known:
        locked = await session.execute(LOCK, _arguments(consumer, known))
        positions.update({(row[0], row[1]): row[2] for row in locked})
    new = {aggregate: first - 1 for aggregate, first in first_versions.items() if aggregate not in positions}
    if new:
        begun = await session.execute(BEGIN, _arguments(consumer, new) | {"versions": list(new.values())})
        positions.update({(row[0], row[1]): row[2] for row in begun})
    return positions


async def advance_positions(session: AsyncSession, consumer: str, reached: Mapping[Aggregate, int]) -> None:
    """Set the positions, whose locks the transaction holds, to the versions that are applied."""
    await session.execute(ADVANCE, _arguments(consumer, reached) | {"versions": list(reached.values())})


async def find_position(session: AsyncSession, consumer: str, aggregate: Aggregate) -> int | None:
    """The last applied version, without a lock; None for an aggregate that the consumer never saw."""
    kind, identity = aggregate
    version: int | None = await session.scalar(FIND, {"consumer": consumer, "type": kind, "id": identity})
    return version


async def with_dead_letters(
    session: AsyncSession, consumer: str, aggregates: Mapping[Aggregate, object]
) -> set[Aggregate]:
    """Those of the aggregates whose events have to queue, because an earlier one waits for a person."""
    return {(row[0], row[1]) for row in await session.execute(WAITING, _arguments(consumer, aggregates))}


def _arguments(consumer: str, aggregates: Mapping[Aggregate, object]) -> dict[str, object]:
    return {
        "consumer": consumer,
        "types": [kind for kind, _ in aggregates],
        "ids": [identity for _, identity in aggregates],
    }
