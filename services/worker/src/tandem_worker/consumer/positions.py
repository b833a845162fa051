"""Where a consumer is in each aggregate's stream, in SQL. The row's lock serialises the work on an aggregate."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event

Aggregate = tuple[str, UUID]
Standing = Literal["due", "duplicate", "behind", "gap"]

# What is due moves on, in one statement instead of three: nearly always that is everything. Its rows stay locked, so of
# two who have the same event one moves on. The look at dead letters is not behind that lock, and need not be: one that
# appears meanwhile is this very event, buried by a member that believes the partition its own. Then the event has its
# effect here, its letter turns out to be a duplicate when it is replayed, and the next event sees it and queues.
ADVANCE_DUE = text("""
    WITH wanted AS MATERIALIZED (
        SELECT CAST(:consumer AS text) AS consumer, stream.*
        FROM unnest(
            CAST(:types AS text[]), CAST(:ids AS uuid[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[])
        ) AS stream(aggregate_type, aggregate_id, first, last)
    ), clear AS MATERIALIZED (
        SELECT * FROM wanted
        WHERE NOT EXISTS (
            SELECT FROM events_deadletter AS letter
            WHERE letter.consumer = wanted.consumer
              AND letter.aggregate_type = wanted.aggregate_type
              AND letter.aggregate_id = wanted.aggregate_id
              AND letter.state IN ('dead', 'queued')
        )
        ORDER BY aggregate_type, aggregate_id
    ), begun AS (
        INSERT INTO events_consumerposition (consumer, aggregate_type, aggregate_id, version)
        SELECT consumer, aggregate_type, aggregate_id, last FROM clear WHERE first = 1
        ON CONFLICT DO NOTHING
        RETURNING aggregate_type, aggregate_id
    ), moved AS (
        UPDATE events_consumerposition AS position
        SET version = clear.last
        FROM clear
        WHERE position.consumer = clear.consumer
          AND position.aggregate_type = clear.aggregate_type
          AND position.aggregate_id = clear.aggregate_id
          AND position.version = clear.first - 1
          AND clear.first > 1
        RETURNING position.aggregate_type, position.aggregate_id
    )
    SELECT aggregate_type, aggregate_id, coalesce((
        SELECT version FROM events_consumerposition AS position
        WHERE position.consumer = CAST(:consumer AS text)
          AND position.aggregate_type = other.aggregate_type
          AND position.aggregate_id = other.aggregate_id
    ), 0)
    FROM (
        SELECT aggregate_type, aggregate_id FROM wanted
        EXCEPT ALL (SELECT * FROM begun UNION ALL SELECT * FROM moved)
    ) AS other
""")
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
IS_NEXT = text("""
    SELECT coalesce((
        SELECT version = :version - 1 FROM events_consumerposition
        WHERE consumer = :consumer AND aggregate_type = :type AND aggregate_id = :id
    ), true) AND NOT EXISTS (
        SELECT FROM events_deadletter
        WHERE consumer = :consumer AND aggregate_type = :type AND aggregate_id = :id AND state IN ('dead', 'queued')
    )
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


async def advance_due(
    session: AsyncSession, consumer: str, versions: Mapping[Aggregate, tuple[int, int]]
) -> dict[Aggregate, int]:
    """Move the position of each aggregate whose `versions` (first, last) are due.

    Returns a position of each of the others, which stays as it is and is not locked; it may be higher by now.
    """
    others = await session.execute(
        ADVANCE_DUE,
        _arguments(consumer, versions)
        | {"firsts": [first for first, _ in versions.values()], "lasts": [last for _, last in versions.values()]},
    )
    return {(row[0], row[1]): row[2] for row in others}


async def is_next(session: AsyncSession, consumer: str, event: Event) -> bool:
    """Tell, without a lock, whether `event` is due: what its aggregate's position and its dead letters allow."""
    found: bool | None = await session.scalar(
        IS_NEXT,
        {
            "consumer": consumer,
            "type": event.aggregate_type,
            "id": event.aggregate_id,
            "version": event.version,
        },
    )
    return bool(found)


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
