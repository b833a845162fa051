"""The outbox and the ownership of its shards, in SQL.

Within an aggregate ids rise in commit order, because `append_event` draws them behind the lock of the stream's head.
That makes reading by id right, given one reader per aggregate: the advisory locks see to that. `SKIP LOCKED` with
several readers would reorder.

The statements must not depend on the table's statistics, which take for empty what is ten million rows a minute later:
the connection's settings leave the planner the indexes only, and each statement is made for one.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.sql import SQL

from tandem_worker.database import connect
from tandem_worker.relay.rounds import Aggregate

SHARDS = range(64)
# The first half of the advisory locks' key, so that nobody else's locks meet ours.
LOCK_CLASS = 0x7A4D
BACKLOG_COUNTED = 10_000

# A crash of the database may undo the last deletions, which only means to publish those events again: no deletion waits
# for the disk.
OPTIONS = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off -c jit=off -c synchronous_commit=off"

_COLUMNS = SQL(
    "id, event_id, producer, aggregate_type, aggregate_id, version, type, payload::text, headers, occurred_at"
)
_READ_ON = SQL(
    """
    WITH looked_at AS MATERIALIZED (
        SELECT id, shard, event_id, producer, aggregate_type, aggregate_id, version, type, payload, headers,
               occurred_at
        FROM events_outboxevent WHERE id > %(behind)s ORDER BY id LIMIT %(limit)s
    )
    SELECT extent.count, extent.last, ours.*
    FROM (SELECT count(*), max(id) AS last FROM looked_at) AS extent
    LEFT JOIN (
        SELECT {columns},
               (SELECT former.id FROM events_outboxevent AS former
                WHERE former.aggregate_type = looked_at.aggregate_type
                  AND former.aggregate_id = looked_at.aggregate_id
                  AND former.version = looked_at.version - 1) AS former_id
        FROM looked_at WHERE shard = ANY(%(shards)s)
    ) AS ours ON true
    ORDER BY ours.id
    """
).format(columns=_COLUMNS)
_READ_AGGREGATES = SQL(
    """
    SELECT waiting.*
    FROM unnest(%(types)s::text[], %(ids)s::uuid[]) AS wanted(type, id)
    CROSS JOIN LATERAL (
        SELECT {columns} FROM events_outboxevent
        WHERE aggregate_type = wanted.type AND aggregate_id = wanted.id AND shard = ANY(%(shards)s)
        ORDER BY version LIMIT %(limit)s
    ) AS waiting
    ORDER BY waiting.id
    """
).format(columns=_COLUMNS)


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
    # The id of the aggregate's event before this one, while it waits in the outbox too.
    former_id: int | None = None

    @property
    def aggregate(self) -> Aggregate:
        return self.aggregate_type, self.aggregate_id


class Reading(NamedTuple):
    """Rows of ours among the `looked_at` ones that were next in the outbox; `last` is the id of the last of these."""

    rows: list[OutboxRow]
    looked_at: int
    last: int | None


async def open_outbox(url: str, *, application: str) -> psycopg.AsyncConnection:
    return await connect(url, application=application, options=OPTIONS)


async def take_shards(connection: psycopg.AsyncConnection, shards: Collection[int]) -> set[int]:
    """Try to lock each of `shards` for as long as the connection lives; returns those that are ours now."""
    cursor = await connection.execute(
        "SELECT shard FROM unnest(%s::int[]) AS shard WHERE pg_try_advisory_lock(%s, shard)",
        [sorted(shards), LOCK_CLASS],
    )
    return {row[0] for row in await cursor.fetchall()}


async def read_on(connection: psycopg.AsyncConnection, shards: Collection[int], *, behind: int, limit: int) -> Reading:
    """Look at the next `limit` rows behind the id `behind`, whosever they are, and return those of our shards.

    The bound is on what is looked at: rows of other shards, however many, cannot make a reading long.
    """
    cursor = await connection.execute(_READ_ON, {"behind": behind, "limit": limit, "shards": sorted(shards)})
    found = await cursor.fetchall()
    looked_at, last = found[0][:2]
    return Reading([OutboxRow._make(row[2:]) for row in found if row[2] is not None], looked_at, last)


async def read_aggregates(
    connection: psycopg.AsyncConnection, shards: Collection[int], aggregates: Iterable[Aggregate], *, limit: int
) -> list[OutboxRow]:
    """The first `limit` rows of each of `aggregates` that is in our shards, wherever they are, in the order of ids."""
    wanted = list(aggregates)
    cursor = await connection.execute(
        _READ_AGGREGATES,
        {
            "types": [kind for kind, _ in wanted],
            "ids": [identity for _, identity in wanted],
            "shards": sorted(shards),
            "limit": limit,
        },
    )
    return [OutboxRow(*row) for row in await cursor.fetchall()]


async def delete(connection: psycopg.AsyncConnection, ids: Sequence[int]) -> None:
    """Remove what is published. On the connection that holds the locks: when it is gone, so is our right to delete."""
    await connection.execute("DELETE FROM events_outboxevent WHERE id = ANY(%s)", [list(ids)])


async def find_late(
    connection: psycopg.AsyncConnection,
    shards: Collection[int],
    *,
    up_to: int,
    parked: Collection[Aggregate],
    limit: int,
) -> list[tuple[int, Aggregate]]:
    """Shard and aggregate of rows of ours with an id of at most `up_to`, without those that are parked."""
    cursor = await connection.execute(
        """
        SELECT shard, aggregate_type, aggregate_id FROM events_outboxevent
        WHERE id <= %s AND shard = ANY(%s)
          AND (aggregate_type, aggregate_id) NOT IN (SELECT * FROM unnest(%s::text[], %s::uuid[]))
        ORDER BY id LIMIT %s
        """,
        [up_to, sorted(shards), [kind for kind, _ in parked], [identity for _, identity in parked], limit],
    )
    return [(shard, (kind, identity)) for shard, kind, identity in await cursor.fetchall()]


async def backlog(connection: psycopg.AsyncConnection) -> tuple[int, float]:
    """How many events wait (counted up to 10,000), and the age of the oldest in seconds."""
    cursor = await connection.execute(
        """
        SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(occurred_at)), 0)
        FROM (SELECT occurred_at FROM events_outboxevent ORDER BY id LIMIT %s) AS waiting
        """,
        [BACKLOG_COUNTED],
    )
    row = await cursor.fetchone()
    return (int(row[0]), max(0.0, float(row[1]))) if row else (0, 0.0)
