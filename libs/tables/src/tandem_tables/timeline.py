"""An order's stream, kept: each of its events is also a row of the order's timeline, in the same transaction."""

from collections.abc import Mapping

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderEvent
from tandem_contracts.registry import event_type_of

from tandem_tables.events import append_event
from tandem_tables.orders import TimelineEntry


async def append_to_timeline(
    session: AsyncSession, payload: OrderEvent, *, state: str | None, headers: Mapping[str, str]
) -> TimelineEntry:
    """State an event of an order, and keep it in the order's timeline.

    `state` is the one the event leads to, None if it leads to none; `headers` is the W3C trace context of its cause.
    Locks the head of the order's stream until the transaction ends.
    """
    version = await append_event(session, payload.order_id, payload, headers)
    entry = {
        "order_id": payload.order_id,
        "version": version,
        "event_type": event_type_of(payload).name,
        "state": state,
        "payload": payload.model_dump(mode="json"),
        "traceparent": headers.get("traceparent", ""),
    }
    return (await session.scalars(insert(TimelineEntry).values(**entry).returning(TimelineEntry))).one()
