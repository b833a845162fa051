"""Applying an event exactly once in effect: its position, its effect and its dead letter in one transaction."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event
from tandem_runtime.redaction import redact_text
from tandem_tables.events import ConsumerPosition, DeadLetter

from tandem_worker.consumer.handlers import Consumer, RetryableError, retry_reason

log = structlog.get_logger()


class Outcome(StrEnum):
    APPLIED = "applied"
    PASSED_OVER = "passed_over"
    DUPLICATE = "duplicate"
    DEAD = "dead"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a handler's `prepare` returned, or the error that no repetition can cure."""

    value: Any = None
    error: Exception | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


async def apply_once(session: AsyncSession, consumer: Consumer, event: Event, prepared: Prepared | None) -> Outcome:
    """Apply `event` in the session's transaction unless it was applied before; the caller commits.

    `prepared` is None for an event that was not due (see `is_due`) when there was time to prepare it.

    A poisonous event becomes a dead letter in the same transaction, its effects rolled back; events behind one queue as
    dead letters of their own, so that a replay keeps the order. Raises what is retryable.
    """
    position = await _lock_position(session, consumer.name, event)
    if event.version <= position:
        return Outcome.DUPLICATE
    if await _has_dead_letters(session, consumer.name, event):
        await _bury(session, consumer.name, event, state="queued", error="")
        return Outcome.QUEUED
    if event.version > position + 1:
        error = f"gap: version {event.version} came after {position}"
        await _bury(session, consumer.name, event, state="dead", error=error)
        return Outcome.DEAD
    if prepared is None:
        raise RetryableError("the event became due meanwhile")
    handler = consumer.handlers.get(event.type)
    if handler is not None:
        try:
            async with session.begin_nested():
                await handler.apply(session, event, prepared.result())
        except Exception as error:
            if retry_reason(error):
                raise
            log.exception("event is poison", consumer=consumer.name, event_id=str(event.id), event_type=event.type)
            await _bury(session, consumer.name, event, state="dead", error=f"{type(error).__name__}: {error}")
            return Outcome.DEAD
    await session.execute(
        update(ConsumerPosition)
        .where(
            ConsumerPosition.consumer == consumer.name,
            ConsumerPosition.aggregate_type == event.aggregate_type,
            ConsumerPosition.aggregate_id == event.aggregate_id,
        )
        .values(version=event.version)
    )
    return Outcome.APPLIED if handler else Outcome.PASSED_OVER


async def is_due(session: AsyncSession, consumer: Consumer, event: Event) -> bool:
    """Tell, without a lock, whether `event` is the next to apply: only then is it prepared."""
    position = await session.scalar(
        select(ConsumerPosition.version).where(
            ConsumerPosition.consumer == consumer.name,
            ConsumerPosition.aggregate_type == event.aggregate_type,
            ConsumerPosition.aggregate_id == event.aggregate_id,
        )
    )
    if position is not None and event.version != position + 1:
        return False
    return not await _has_dead_letters(session, consumer.name, event)


async def _lock_position(session: AsyncSession, consumer: str, event: Event) -> int:
    """The last applied version, locked until the transaction ends.

    The first event that a consumer sees of an aggregate sets the position just before itself: a consumer that starts
    late may begin anywhere in streams older than itself.
    """
    statement = insert(ConsumerPosition).values(
        consumer=consumer,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        version=event.version - 1,
    )
    return int(
        (
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=["consumer", "aggregate_type", "aggregate_id"],
                    set_={"version": ConsumerPosition.version},
                ).returning(ConsumerPosition.version)
            )
        ).scalar_one()
    )


async def _has_dead_letters(session: AsyncSession, consumer: str, event: Event) -> bool:
    return bool(
        await session.scalar(
            select(
                exists().where(
                    DeadLetter.consumer == consumer,
                    DeadLetter.aggregate_type == event.aggregate_type,
                    DeadLetter.aggregate_id == event.aggregate_id,
                    DeadLetter.state.in_(["dead", "queued"]),
                )
            )
        )
    )


async def _bury(session: AsyncSession, consumer: str, event: Event, *, state: str, error: str) -> None:
    await session.execute(
        insert(DeadLetter)
        .values(
            consumer=consumer,
            event_id=event.id,
            aggregate_type=event.aggregate_type,
            aggregate_id=event.aggregate_id,
            version=event.version,
            type=event.type,
            body=event.body.decode(errors="replace"),
            headers={"source": event.source, "time": event.time.isoformat(), **event.trace},
            state=state,
            error=redact_text(error)[:4000],
        )
        .on_conflict_do_nothing()
    )
