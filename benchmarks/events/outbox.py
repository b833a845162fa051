"""Filling the outbox as a busy system would, and reading a row of it as an event."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from tandem_contracts.envelope import Event
from tandem_contracts.orders import OrderedLine, OrderPlaced
from tandem_contracts.payloads import Money

VERSIONS = 5
AT_ONCE = 1_000
PORTION = 500_000
IDENTITY = "id, event_id, producer, aggregate_type, aggregate_id, version"
COLUMNS = f"{IDENTITY}, type, payload::text AS payload, headers, occurred_at"

# As customers write them: up to `AT_ONCE` streams side by side, each with `VERSIONS` events.
ROWS = """
    SELECT md5(%(salt)s || (n / %(block)s * %(at_once)s + n %% %(at_once)s))::uuid AS aggregate_id,
           n / %(at_once)s %% %(versions)s + 1 AS version
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
HEADS = f"""
    INSERT INTO events_stream (aggregate_type, aggregate_id, version)
    SELECT 'order', aggregate_id, max(version) FROM ({ROWS}) AS event GROUP BY aggregate_id
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = excluded.version
"""
EVENTS = f"""
    INSERT INTO events_outboxevent
        (event_id, shard, producer, aggregate_type, aggregate_id, version, type, payload, headers)
    SELECT uuidv7(), hashtextextended(aggregate_id::text, 0) & 63, 'tandem_api', 'order', aggregate_id, version,
           'order.placed.v1',
           %(payload)s::jsonb || jsonb_build_object('order_id', aggregate_id),
           '{{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}}'
    FROM ({ROWS}) AS event
"""


PLACED = OrderPlaced(
    order_id=UUID(int=0),
    customer_id=UUID("01980000-0000-7000-8000-000000000001"),
    total=Money(amount=7350, currency="EUR"),
    lines=[
        OrderedLine(sku="MUG-1", quantity=1, unit_price=Money(amount=2450, currency="EUR")),
        OrderedLine(sku="PAN-1", quantity=1, unit_price=Money(amount=4900, currency="EUR")),
    ],
)


class Row(NamedTuple):
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

    def event(self) -> Event:
        return Event(
            id=self.event_id,
            type=self.type,
            source="/" + self.producer.replace("_", "/", 1),
            aggregate_type=self.aggregate_type,
            aggregate_id=self.aggregate_id,
            version=self.version,
            time=self.occurred_at,
            body=self.payload.encode(),
            trace=self.headers,
        )


def fill(url: str, events: int, *, salt: str) -> None:
    """Put so many events of `events` / 5 new orders into the outbox, with their streams, as the superuser of `url`.

    In portions of half a million, each a transaction. `salt` makes the orders' ids new.
    """
    at_once = min(AT_ONCE, events // VERSIONS)
    with psycopg.connect(url, autocommit=True) as superuser:
        for first in range(0, events, PORTION):
            values = {
                "salt": salt,
                "payload": PLACED.model_dump_json(),
                "first": first,
                "last": min(first + PORTION, events) - 1,
                "at_once": at_once,
                "versions": VERSIONS,
                "block": at_once * VERSIONS,
            }
            with superuser.transaction():
                superuser.execute(HEADS.encode(), values)
                superuser.execute(EVENTS.encode(), values)


def settle(url: str) -> None:
    """What autovacuum and the checkpointer would do after a fill, now rather than during the measurement."""
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute("ANALYZE events_outboxevent")
        superuser.execute("CHECKPOINT")
