"""An order's stream, kept: each of its events is also a row of the order's timeline, in the same transaction."""

import json
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderEvent
from tandem_contracts.registry import event_type_of

# The event, its row in the timeline and the order's state in one statement: every transition does this, and what it
# costs is round trips.
_ENTRY = """
    INSERT INTO orders_timelineentry (order_id, version, event_type, state, payload, traceparent)
    VALUES (
        CAST(:order_id AS uuid),
        append_event(
            :aggregate_type, CAST(:order_id AS uuid), :event_type, CAST(:payload AS jsonb), CAST(:headers AS jsonb)
        ),
        :event_type, :state, CAST(:payload AS jsonb), :traceparent
    )
    RETURNING version
"""
APPEND = text(_ENTRY)
ENTER = text(f"""
    WITH entered AS (UPDATE orders_order SET state = :state WHERE id = CAST(:order_id AS uuid))
    {_ENTRY}
""")


async def append_to_timeline(
    session: AsyncSession, payload: OrderEvent, *, state: str | None, headers: Mapping[str, str]
) -> int:
    """State an event of an order, and keep it in the order's timeline; returns its version.

    `state` is the one the event leads to, None if it leads to none; `headers` is the W3C trace context of its cause.
    Locks the head of the order's stream until the transaction ends.
    """
    return int((await session.execute(APPEND, _entry(payload, state, headers))).scalar_one())


async def enter_state(session: AsyncSession, payload: OrderEvent, state: str, *, headers: Mapping[str, str]) -> int:
    """As `append_to_timeline`, and the order has the state from then on."""
    return int((await session.execute(ENTER, _entry(payload, state, headers))).scalar_one())


def _entry(payload: OrderEvent, state: str | None, headers: Mapping[str, str]) -> dict[str, object]:
    event_type = event_type_of(payload)
    return {
        "order_id": payload.order_id,
        "aggregate_type": event_type.aggregate_type,
        "event_type": event_type.name,
        "state": state,
        "payload": payload.model_dump_json(),
        "headers": json.dumps(dict(headers)),
        "traceparent": headers.get("traceparent", ""),
    }
