"""A batch of records through the handlers: aggregates side by side, the events of one in order."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from random import uniform

import structlog
from aiokafka import ConsumerRecord
from opentelemetry import trace
from tandem_contracts.envelope import Event, MalformedEventError, from_kafka
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import context_from, tracer

from tandem_worker.consumer import metrics
from tandem_worker.consumer.handlers import Consumer, Prepare, retry_reason
from tandem_worker.consumer.inbox import Outcome, Prepared, apply_once, is_due
from tandem_worker.database import SessionFactory

RETRY_SECONDS = (0.1, 10.0)

log = structlog.get_logger()


async def process_batch(
    consumer: Consumer, sessions: SessionFactory, records: Iterable[ConsumerRecord], *, bound: asyncio.Semaphore
) -> None:
    """Apply every record; returns when all are in the database. Passing faults are waited out inside.

    `bound` limits what is under way at once; an event that waits to be tried again does not count.
    Cancelling is safe at any point: what has not committed is delivered again.
    """
    lanes: dict[tuple[str, object], list[Event]] = defaultdict(list)
    for record in records:
        event = _read(consumer, record)
        if event is not None:
            lanes[event.aggregate_type, event.aggregate_id].append(event)

    async def run(lane: list[Event]) -> None:
        for event in lane:
            await process_event(consumer, sessions, event, bound=bound)

    async with asyncio.TaskGroup() as group:
        for lane in lanes.values():
            group.create_task(run(lane))


def _read(consumer: Consumer, record: ConsumerRecord) -> Event | None:
    try:
        return from_kafka(record.value, record.headers)
    except MalformedEventError as error:
        # None of ours: the relay writes only well-formed records. It stays in Kafka for whoever wants to look.
        metrics.MALFORMED.labels(consumer=consumer.name, topic=record.topic).inc()
        log.error(  # noqa: TRY400 - the traceback tells nothing that the message does not
            "malformed record passed over",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=str(error),
        )
        return None


async def process_event(
    consumer: Consumer, sessions: SessionFactory, event: Event, *, bound: asyncio.Semaphore | None = None
) -> Outcome:
    """Apply one event, in a span that continues the trace of its cause; retries what may pass by itself."""
    with tracer().start_as_current_span(
        f"process {event.type}",
        context=context_from(event.trace),
        kind=trace.SpanKind.CONSUMER,
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": consumer.name,
            "messaging.message.id": str(event.id),
            "tandem.event.type": event.type,
            "tandem.aggregate.id": str(event.aggregate_id),
        },
    ) as span:
        outcome = await _until_done(consumer, sessions, event, bound or asyncio.Semaphore())
        span.set_attribute("tandem.outcome", outcome)
        metrics.EVENTS.labels(consumer=consumer.name, type=event.type, outcome=outcome).inc()
        if outcome is Outcome.APPLIED:
            age = (datetime.now(UTC) - event.time).total_seconds()
            metrics.EVENT_AGE.labels(consumer=consumer.name, type=event.type).observe(max(0.0, age), exemplar())
        return outcome


async def _until_done(consumer: Consumer, sessions: SessionFactory, event: Event, bound: asyncio.Semaphore) -> Outcome:
    pause = RETRY_SECONDS[0]
    while True:
        try:
            async with bound:
                return await _attempt(consumer, sessions, event)
        except Exception as error:
            reason = retry_reason(error)
            if reason is None:
                raise
            metrics.RETRIES.labels(consumer=consumer.name, reason=reason).inc()
            log.warning(
                "event will be tried again",
                consumer=consumer.name,
                event_id=str(event.id),
                event_type=event.type,
                aggregate_id=str(event.aggregate_id),
                error=repr(error),
            )
        # Jitter, so that many lanes do not come back to a recovering database in step.
        await asyncio.sleep(pause * uniform(0.5, 1.0))  # noqa: S311 - not a secret
        pause = min(pause * 2, RETRY_SECONDS[1])


async def _attempt(consumer: Consumer, sessions: SessionFactory, event: Event) -> Outcome:
    handler = consumer.handlers.get(event.type)
    prepared: Prepared | None = Prepared()
    if handler is not None and handler.prepare is not None:
        async with sessions() as session:
            due = await is_due(session, consumer, event)
        prepared = await _prepare(handler.prepare, event) if due else None
    async with sessions.begin() as session:
        return await apply_once(session, consumer, event, prepared)


async def _prepare(prepare: Prepare, event: Event) -> Prepared:
    try:
        return Prepared(await prepare(event))
    except Exception as error:
        if retry_reason(error):
            raise
        return Prepared(error=error)
