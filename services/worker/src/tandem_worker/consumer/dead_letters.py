"""Writing dead letters. A person decides what becomes of them; see `tandem_worker.dead_letters`."""

import uuid
from datetime import UTC, datetime
from typing import Literal

from aiokafka import ConsumerRecord
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event
from tandem_runtime.redaction import redact_text
from tandem_tables.events import DeadLetter

Reason = Literal["poison", "gap", "malformed", "behind"]

# The aggregate type under which records that are no events are kept.
RECORD = "record"
ERROR_LENGTH = 4000


async def bury(session: AsyncSession, consumer: str, event: Event, *, reason: Reason, error: str = "") -> None:
    """Keep `event` as a dead letter in the session's transaction, once however often it is delivered."""
    await session.execute(
        insert(DeadLetter)
        .values(
            consumer=consumer,
            event_id=event.id,
            aggregate_type=event.aggregate_type,
            aggregate_id=event.aggregate_id,
            version=event.version,
            type=event.type,
            body=event.body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
            headers={"source": event.source, "time": event.time.isoformat(), **event.trace},
            state="queued" if reason == "behind" else "dead",
            reason=reason,
            error=redact_text(error)[:ERROR_LENGTH],
            attempts=1 if reason == "poison" else 0,
        )
        .on_conflict_do_nothing()
    )


def as_event(record: ConsumerRecord) -> Event:
    """A record that is no event, in the shape of one: its partition is the aggregate, its offset + 1 the version."""
    place = f"{record.topic}/{record.partition}"
    return Event(
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{place}/{record.offset}"),
        type="malformed",
        source=f"/kafka/{place}",
        aggregate_type=RECORD,
        aggregate_id=uuid.uuid5(uuid.NAMESPACE_URL, place),
        version=record.offset + 1,
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        body=record.value or b"",
    )
