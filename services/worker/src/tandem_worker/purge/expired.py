"""What grows old in the database, and its removal in batches, in SQL.

Two purges at once would take the same rows from each other and could wait for each other in turn. An advisory lock
keeps the second away; the rows are not locked, since for that (`SKIP LOCKED`) one needs the right to change them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg

# Beside the relay's class of advisory locks (0x7A4D).
LOCK = (0x7A4E, 0)


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows of `table` that are older than `age`; `statement` removes the next batch of them."""

    table: str
    age: timedelta
    statement: LiteralString


# A batch begins where the last one ended: as long as vacuum is held up, all that is removed is walked over again.
_IDEMPOTENCY_KEYS = """
    WITH gone AS (
        DELETE FROM orders_idempotencykey WHERE (principal, key) IN (
            SELECT principal, key FROM orders_idempotencykey
            WHERE created_at < now() - %(age)s AND created_at >= %(from)s ORDER BY created_at LIMIT %(limit)s
        ) RETURNING created_at
    )
    SELECT count(*), max(created_at) FROM gone
"""
_DEAD_LETTERS = """
    WITH gone AS (
        DELETE FROM events_deadletter WHERE id IN (
            SELECT id FROM events_deadletter
            WHERE settled_at < now() - %(age)s AND settled_at >= %(from)s ORDER BY settled_at LIMIT %(limit)s
        ) RETURNING settled_at
    )
    SELECT count(*), max(settled_at) FROM gone
"""
# With all that belongs to them, in one statement. What is on its way stays until the next run.
_WEBHOOK_DELIVERIES = """
    WITH old AS (
        SELECT id, created_at FROM webhooks_delivery
        WHERE created_at < now() - %(age)s AND created_at >= %(from)s
            AND (leased_until IS NULL OR leased_until < now())
        ORDER BY created_at LIMIT %(limit)s
    ), attempts AS (
        DELETE FROM webhooks_attempt USING old WHERE delivery_id = old.id RETURNING webhooks_attempt.id
    ), requests AS (
        DELETE FROM webhooks_deliveryrequest USING old WHERE delivery_id = old.id
        RETURNING webhooks_deliveryrequest.id
    ), gone AS (
        DELETE FROM webhooks_delivery USING old WHERE webhooks_delivery.id = old.id RETURNING old.created_at
    )
    SELECT count(*), max(created_at) FROM gone
"""
# Requests for test events, which name no delivery.
_WEBHOOK_REQUESTS = """
    WITH gone AS (
        DELETE FROM webhooks_deliveryrequest WHERE id IN (
            SELECT id FROM webhooks_deliveryrequest
            WHERE created_at < now() - %(age)s AND created_at >= %(from)s AND delivery_id IS NULL
            ORDER BY created_at LIMIT %(limit)s
        ) RETURNING created_at
    )
    SELECT count(*), max(created_at) FROM gone
"""
_WEBHOOK_SECRETS = """
    WITH gone AS (
        DELETE FROM webhooks_signingsecret WHERE id IN (
            SELECT id FROM webhooks_signingsecret
            WHERE expires_at < now() - %(age)s AND expires_at >= %(from)s ORDER BY expires_at LIMIT %(limit)s
        ) RETURNING expires_at
    )
    SELECT count(*), max(expires_at) FROM gone
"""
_WEBHOOK_ENDPOINTS = """
    WITH gone AS (
        DELETE FROM webhooks_endpoint WHERE id IN (
            SELECT id FROM webhooks_endpoint AS endpoint
            WHERE deleted_at < now() - %(age)s AND deleted_at >= %(from)s
                AND NOT EXISTS (SELECT FROM webhooks_delivery WHERE endpoint_id = endpoint.id)
                AND NOT EXISTS (SELECT FROM webhooks_deliveryrequest WHERE endpoint_id = endpoint.id)
                AND NOT EXISTS (SELECT FROM webhooks_signingsecret WHERE endpoint_id = endpoint.id)
            ORDER BY deleted_at LIMIT %(limit)s
        ) RETURNING deleted_at
    )
    SELECT count(*), max(deleted_at) FROM gone
"""
BEGINNING = "-infinity"


def idempotency_keys(age: timedelta) -> Expired:
    """Keys whose first request was `age` ago. It has ended: a key is written in the transaction of what it did."""
    return Expired("orders_idempotencykey", age, _IDEMPOTENCY_KEYS)


def settled_dead_letters(age: timedelta) -> Expired:
    """Letters settled `age` ago. What was decided about them, by whom and why, is a row of its own and stays."""
    return Expired("events_deadletter", age, _DEAD_LETTERS)


def webhooks(age: timedelta) -> tuple[Expired, ...]:
    """Deliveries written `age` ago, whatever came of them, and what is left of endpoints that were deleted."""
    return (
        Expired("webhooks_delivery", age, _WEBHOOK_DELIVERIES),
        Expired("webhooks_deliveryrequest", age, _WEBHOOK_REQUESTS),
        Expired("webhooks_signingsecret", age, _WEBHOOK_SECRETS),
        Expired("webhooks_endpoint", age, _WEBHOOK_ENDPOINTS),
    )


async def take_lock(connection: psycopg.AsyncConnection) -> bool:
    """Become the only purge for as long as the connection lives; False when there is another."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK)
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def remove_batch(
    connection: psycopg.AsyncConnection, expired: Expired, *, since: datetime | str, limit: int
) -> tuple[int, datetime | None]:
    """Remove at most `limit` of the oldest rows that are no older than `since`: how many, and the last one's time."""
    cursor = await connection.execute(expired.statement, {"age": expired.age, "from": since, "limit": limit})
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else (0, None)
