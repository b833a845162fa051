"""An event, or several that may share a transaction, through the handlers; what may pass by itself is waited out."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from random import uniform
from typing import TypeVar

import structlog
from sqlalchemy.exc import IntegrityError
from tandem_contracts.envelope import Event
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import tracer
from tandem_tables.hints import OutboxHint

from tandem_worker.consumer import metrics
from tandem_worker.consumer.dead_letters import bury
from tandem_worker.consumer.guard import Guard
from tandem_worker.consumer.handlers import Consumer, retry_reason
from tandem_worker.consumer.inbox import (
    HandlerFailedError,
    Outcome,
    Prepared,
    apply_events,
    bury_poison,
    prepare_event,
)
from tandem_worker.consumer.positions import Aggregate, aggregate_of, is_next
from tandem_worker.consumer.spans import Source, batch_span, process_span
from tandem_worker.database import SessionFactory, autocommit
from tandem_worker.log_names import about

RETRY_SECONDS = (0.1, 10.0)

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Processor:
    """What it takes to apply a consumer's events.

    `places` bounds what is under way at once, `transactions` how much of that is in a transaction: who waits for an
    answer from outside holds a place only, who waits to be tried again neither. `tracing` tells whether anybody will
    see a span.
    """

    consumer: Consumer
    sessions: SessionFactory
    guard: Guard
    places: asyncio.Semaphore
    transactions: asyncio.Semaphore
    hint: OutboxHint
    tracing: bool

    async def process(self, events: Sequence[Event], read_at: Sequence[Source] = ()) -> list[Outcome]:
        """Apply `events`, which are in order for each aggregate; returns when all are in the database.

        `read_at` is where each was read, which its span tells.

        Several are applied in one transaction; should that fail, each on its own, so that one that is poison or has to
        wait is no burden to the others. Cancelling is safe at any point: what has not committed is delivered again.
        """
        sources: Sequence[Source | None] = read_at or [None] * len(events)
        if len(events) == 1:
            return [await self._process_one(events[0], sources[0])]
        try:
            outcomes = await self._process_together(events, sources)
        except HandlerFailedError:
            return await self._process_each(events, sources)
        except Exception as error:
            if not _may_pass_alone(error):
                raise
            return await self._process_each(events, sources)
        self._note(events, outcomes)
        return outcomes

    async def bury_malformed(self, event: Event, error: str) -> None:
        """Keep a record that is no event as a dead letter."""

        async def attempt() -> None:
            async with self.transactions, self.sessions.begin() as session:
                await self.guard.admit(session, self.consumer.name)
                await bury(session, self.consumer.name, event, reason="malformed", error=error)

        await self._until_done(event, attempt)

    async def _process_together(self, events: Sequence[Event], sources: Sequence[Source | None]) -> list[Outcome]:
        with batch_span(self.consumer.name, events, sources) if self.tracing else nullcontext():
            async with self.places, self.transactions, self.sessions.begin() as session:
                return await apply_events(session, self.consumer, self.guard, events, Prepared())

    async def _process_each(self, events: Sequence[Event], sources: Sequence[Source | None]) -> list[Outcome]:
        lanes: dict[Aggregate, list[int]] = defaultdict(list)
        for index, event in enumerate(events):
            lanes[aggregate_of(event)].append(index)
        outcomes: dict[int, Outcome] = {}

        async def run(lane: list[int]) -> None:
            for index in lane:
                outcomes[index] = await self._process_one(events[index], sources[index])

        async with asyncio.TaskGroup() as group:
            for lane in lanes.values():
                group.create_task(run(lane))
        return [outcomes[index] for index in range(len(events))]

    async def _process_one(self, event: Event, source: Source | None) -> Outcome:
        with tracer().start_as_current_span(**process_span(self.consumer.name, event, source)) as span:
            outcome = await self._until_done(event, lambda: self._attempt(event))
            span.set_attribute("tandem.outcome", outcome)
            self._note([event], [outcome])
            return outcome

    async def _attempt(self, event: Event) -> Outcome:
        prepared: Prepared | None = Prepared()
        if self.consumer.prepares(event.type):
            async with autocommit(self.sessions) as session:
                due = await is_next(session, self.consumer.name, event)
            prepared = await prepare_event(self.consumer, event) if due else None
        try:
            async with self.transactions, self.sessions.begin() as session:
                (outcome,) = await apply_events(session, self.consumer, self.guard, [event], prepared)
        except HandlerFailedError as failure:
            error = failure.error
        except IntegrityError as deferred:  # a deferred constraint speaks at the commit
            error = deferred
        else:
            if outcome is Outcome.APPLIED:
                self.hint.give()  # most effects state an event
            return outcome
        if retry_reason(error):
            raise error
        async with self.transactions, self.sessions.begin() as session:
            outcome = await bury_poison(session, self.consumer, self.guard, event, error)
        # Not before: while the guard holds an event, this is tried again and again.
        log.error("event is poison", event_type=event.type, exc_info=error, **self._names(event))
        return outcome

    async def _until_done(self, event: Event, attempt: Callable[[], Awaitable[T]]) -> T:
        pause = RETRY_SECONDS[0]
        while True:
            try:
                async with self.places:
                    return await attempt()
            except Exception as error:
                reason = retry_reason(error)
                if reason is None:
                    raise
                metrics.RETRIES.labels(consumer=self.consumer.name, reason=reason).inc()
                log.warning("event will be tried again", event_type=event.type, error=repr(error), **self._names(event))
            with metrics.WAITING.labels(consumer=self.consumer.name, reason=reason).track_inprogress():
                # Jitter, so that many lanes do not come back to a recovering database in step.
                await asyncio.sleep(pause * uniform(0.5, 1.0))  # noqa: S311 - not a secret
            pause = min(pause * 2, RETRY_SECONDS[1])

    def _note(self, events: Sequence[Event], outcomes: Sequence[Outcome]) -> None:
        name, now = self.consumer.name, datetime.now(UTC)
        ages: dict[str, list[float]] = defaultdict(list)
        counts: dict[tuple[str, Outcome], int] = defaultdict(int)
        for event, outcome in zip(events, outcomes, strict=True):
            counts[event.type, outcome] += 1
            if outcome is Outcome.APPLIED:
                ages[event.type].append(max(0.0, (now - event.time).total_seconds()))
        for (event_type, outcome), count in counts.items():
            metrics.EVENTS.labels(consumer=name, type=event_type, outcome=outcome).inc(count)
        trace = exemplar()
        for event_type, seconds in ages.items():
            histogram = metrics.EVENT_AGE.labels(consumer=name, type=event_type)
            for age in seconds:
                histogram.observe(age, trace)

    def _names(self, event: Event) -> dict[str, str]:
        names = about(event.aggregate_type, event.aggregate_id)
        return {"consumer": self.consumer.name, "event_id": str(event.id), **names}


def _may_pass_alone(error: Exception) -> bool:
    """Whether a transaction of many failed for what may be the fault, or the bad luck, of one of them."""
    return retry_reason(error) is not None or isinstance(error, IntegrityError)
