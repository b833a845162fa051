"""Applying events exactly once in effect: effect and position in one transaction, or a dead letter in another."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event

from tandem_worker.consumer.dead_letters import bury
from tandem_worker.consumer.guard import Guard
from tandem_worker.consumer.handlers import Consumer, Handler, RetryableError, SetHandler, retry_reason
from tandem_worker.consumer.positions import (
    Aggregate,
    Standing,
    advance_due,
    advance_positions,
    aggregate_of,
    find_position,
    lock_positions,
    standing,
    with_dead_letters,
)


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


class HandlerFailedError(Exception):
    """A handler raised `error`; whoever owns the transaction rolls it back."""

    def __init__(self, error: Exception) -> None:
        super().__init__(repr(error))
        self.error = error


async def apply_events(
    session: AsyncSession,
    consumer: Consumer,
    guard: Guard,
    events: Sequence[Event],
    prepared: Prepared | None,
) -> list[Outcome]:
    """Apply what is due of `events` in the session's transaction; the caller commits.

    `events` are in order for each aggregate, and several only of types that may share (see `Consumer.may_share`).
    `prepared` is None for an event that was not due (see `is_next`) when there was time to prepare it. An event that
    cannot be applied because of those before it is buried here. Raises HandlerFailedError, and what is retryable.
    """
    due: dict[Aggregate, deque[Event]] = {}
    outcomes: list[Outcome] = []
    for event, found in zip(events, await _move_on(session, consumer.name, events), strict=True):
        match found:
            case "duplicate":
                outcomes.append(Outcome.DUPLICATE)
            case "behind":
                await bury(session, consumer.name, event, reason="behind")
                outcomes.append(Outcome.QUEUED)
            case "gap":
                await guard.admit(session, consumer.name)
                position = await find_position(session, consumer.name, aggregate_of(event))
                error = f"gap: version {event.version} came after {position}"
                await bury(session, consumer.name, event, reason="gap", error=error)
                outcomes.append(Outcome.DEAD)
            case "due":
                due.setdefault(aggregate_of(event), deque()).append(event)
                outcomes.append(Outcome.APPLIED if event.type in consumer.handlers else Outcome.PASSED_OVER)
    for event_type, sharing in _by_type(due.values()):
        await _handle(session, consumer.handlers.get(event_type), sharing, prepared)
    return outcomes


async def _move_on(session: AsyncSession, consumer: str, events: Sequence[Event]) -> list[Standing]:
    """Lock the positions and move them past what is due of `events`; tells what the version of each means."""
    extents = _extents(events)
    known = await advance_due(session, consumer, extents)
    # Positions only rise: what is not beyond one is a duplicate, with no lock to wait for.
    passed = {aggregate for aggregate, position in known.items() if extents[aggregate][1] <= position}
    others = ({aggregate_of(event) for event in events} - extents.keys()) | (known.keys() - passed)
    if not others:
        return ["duplicate" if aggregate_of(event) in passed else "due" for event in events]
    firsts = {aggregate_of(event): event.version for event in reversed(events) if aggregate_of(event) in others}
    positions = await lock_positions(session, consumer, firsts)
    # Behind the lock: whoever buried an event of the aggregate held it too.
    waiting = await with_dead_letters(session, consumer, firsts)
    reached: dict[Aggregate, int] = {}
    result: list[Standing] = []
    for event in events:
        aggregate = aggregate_of(event)
        found: Standing = "duplicate" if aggregate in passed else "due"
        if aggregate in others:
            found = standing(event.version, position=positions[aggregate], waiting=aggregate in waiting)
            if found == "due":
                positions[aggregate] = reached[aggregate] = event.version
            elif found == "gap":
                waiting.add(aggregate)
        result.append(found)
    if reached:
        await advance_positions(session, consumer, reached)
    return result


async def prepare_event(consumer: Consumer, event: Event) -> Prepared:
    """What the handler of `event` prepares, with no transaction open. Raises what is retryable."""
    handler = consumer.handlers.get(event.type)
    if not isinstance(handler, Handler) or handler.prepare is None:
        return Prepared()
    try:
        return Prepared(await handler.prepare(event))
    except Exception as error:
        if retry_reason(error):
            raise
        return Prepared(error=error)


async def bury_poison(
    session: AsyncSession, consumer: Consumer, guard: Guard, event: Event, error: BaseException
) -> Outcome:
    """Make `event`, whose handler failed with `error`, a dead letter, if it still is the one that is due."""
    aggregate = aggregate_of(event)
    positions = await lock_positions(session, consumer.name, {aggregate: event.version})
    waiting = await with_dead_letters(session, consumer.name, positions)
    match standing(event.version, position=positions[aggregate], waiting=aggregate in waiting):
        case "duplicate":
            return Outcome.DUPLICATE
        case "behind":
            await bury(session, consumer.name, event, reason="behind")
            return Outcome.QUEUED
        case _:
            await guard.admit(session, consumer.name)
            await bury(session, consumer.name, event, reason="poison", error=f"{type(error).__name__}: {error}")
            return Outcome.DEAD


def _extents(events: Sequence[Event]) -> dict[Aggregate, tuple[int, int]]:
    """First and last version of each aggregate whose events follow one another without a gap."""
    extents: dict[Aggregate, tuple[int, int]] = {}
    broken: set[Aggregate] = set()
    for event in events:
        aggregate = aggregate_of(event)
        first, last = extents.get(aggregate, (event.version, event.version - 1))
        if event.version != last + 1:
            broken.add(aggregate)
        extents[aggregate] = first, event.version
    for aggregate in broken:
        del extents[aggregate]
    return extents


def _by_type(lanes: Iterable[deque[Event]]) -> Iterator[tuple[str, list[Event]]]:
    """Empty `lanes`, the events of one aggregate each: type by type as many as there are, each lane in its order."""
    while waiting := [lane for lane in lanes if lane]:
        event_type = waiting[0][0].type
        sharing: list[Event] = []
        for lane in waiting:
            while lane and lane[0].type == event_type:
                sharing.append(lane.popleft())
        yield event_type, sharing


async def _handle(
    session: AsyncSession, handler: Handler | SetHandler | None, events: list[Event], prepared: Prepared | None
) -> None:
    if handler is None:
        return
    if prepared is None:
        raise RetryableError("the event became due meanwhile")
    try:
        if isinstance(handler, SetHandler):
            await handler.apply_all(session, events)
        else:
            (event,) = events
            await handler.apply(session, event, prepared.result())
    except Exception as error:
        raise HandlerFailedError(error) from error
