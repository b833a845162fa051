"""The outbox and the ownership of its shards, in SQL.

Rows are read in the order of their ids, plainly. That is correct because `append_event` draws the id behind the lock of
the stream's head: within an aggregate ids rise in commit order. It needs one reader per aggregate, which the advisory
locks give; `SKIP LOCKED` with several readers would reorder, a cursor on the last id would skip what commits late.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

SHARDS = range(64)
# The first half of the advisory locks' key, so that nobody else's locks meet ours.
LOCK_CLASS = 0x7A4D


Aggregate = tuple[str, UUID]


class OutboxRow(NamedTuple):
    id: int
    event_id: UUID
    producer: str
    aggregate_type: str
    aggregate_id: UUID
    version: int
    type: str
    payload: str
    headers: dict[str, str]
    occurred_at: datetime

    @property
    def aggregate(self) -> Aggregate:
        return self.aggregate_type, self.aggregate_id


async def take_shards(connection: psycopg.AsyncConnection, shards: Collection[int]) -> set[int]:
    """Try to lock each of `shards` for as long as the connection lives; returns those that are ours now."""
    cursor = await connection.execute(
        "SELECT shard FROM unnest(%s::int[]) AS shard WHERE pg_try_advisory_lock(%s, shard)",
        [sorted(shards), LOCK_CLASS],
    )
    return {row[0] for row in await cursor.fetchall()}


async def read_batch(
    connection: psycopg.AsyncConnection, shards: Collection[int], *, parked: Collection[Aggregate], limit: int
) -> Sequence[OutboxRow]:
    """The oldest events of our shards, without those of parked aggregates, in one statement of its own transaction."""
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(
            """
            SELECT id, event_id, producer, aggregate_type, aggregate_id, version, type,
                   payload::text AS payload, headers, occurred_at
            FROM events_outboxevent
            WHERE shard = ANY(%s)
              AND (aggregate_type, aggregate_id) NOT IN (SELECT * FROM unnest(%s::text[], %s::uuid[]))
            ORDER BY id
            LIMIT %s
            """,
            [sorted(shards), [kind for kind, _ in parked], [identity for _, identity in parked], limit],
        )
        return [OutboxRow(*row) for row in await cursor.fetchall()]


async def delete(connection: psycopg.AsyncConnection, ids: Sequence[int]) -> None:
    """Remove what is published. On the connection that holds the locks: when it is gone, so is our right to delete."""
    await connection.execute("DELETE FROM events_outboxevent WHERE id = ANY(%s)", [list(ids)])


async def backlog(connection: psycopg.AsyncConnection) -> tuple[int, float]:
    """How many events wait (counted up to 10,000), and the age of the oldest in seconds."""
    cursor = await connection.execute(
        """
        SELECT (SELECT count(*) FROM (SELECT FROM events_outboxevent LIMIT 10000) AS waiting),
               coalesce((SELECT extract(epoch FROM clock_timestamp() - occurred_at)
                         FROM events_outboxevent ORDER BY id LIMIT 1), 0)
        """
    )
    row: tuple[Any, ...] | None = await cursor.fetchone()
    return (int(row[0]), max(0.0, float(row[1]))) if row else (0, 0.0)
