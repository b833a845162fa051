"""One round of publishing: produce a batch, wait for the broker, tell what it has acknowledged."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from opentelemetry import trace
from tandem_contracts.envelope import Event, to_kafka
from tandem_contracts.registry import TOPIC_OF
from tandem_runtime.tracing import context_from, trace_headers, tracer

from tandem_worker.relay import metrics
from tandem_worker.relay.outbox import OutboxRow

log = structlog.get_logger()

# What no repetition can cure: the record itself is at fault.
UNSENDABLE = (MessageSizeTooLargeError, KeyError)


@dataclass(slots=True)
class Published:
    """What a round came to: ids to delete, aggregates to park, and the first error that a new producer may cure."""

    ids: list[int] = field(default_factory=list)
    parked: set[UUID] = field(default_factory=set)
    error: BaseException | None = None


async def publish(producer: AIOKafkaProducer, rows: Sequence[OutboxRow]) -> Published:
    """Send `rows` and wait for all acknowledgements; per aggregate only the acknowledged prefix counts.

    Behind an event that failed, its aggregate's later ones are not counted even if acknowledged: they are sent again
    after it, and consumers know duplicates by their version.
    """
    outcomes = await _send(producer, rows)
    result = Published()
    stopped: set[UUID] = set()
    for row, outcome in zip(rows, outcomes, strict=True):
        if row.aggregate_id in stopped:
            continue
        if outcome is None:
            result.ids.append(row.id)
            metrics.PUBLISHED.labels(topic=TOPIC_OF[row.aggregate_type].name).inc()
            continue
        stopped.add(row.aggregate_id)
        if isinstance(outcome, UNSENDABLE):
            result.parked.add(row.aggregate_id)
            log.error(
                "event cannot be sent, its aggregate is parked",
                event_id=str(row.event_id),
                event_type=row.type,
                aggregate_id=str(row.aggregate_id),
                error=repr(outcome),
            )
        elif result.error is None:
            result.error = outcome
    return result


async def _send(producer: AIOKafkaProducer, rows: Sequence[OutboxRow]) -> list[BaseException | None]:
    """One entry per row: None when acknowledged, else the error."""
    failed: set[UUID] = set()
    sending: list[asyncio.Task[None] | BaseException] = []
    for row in rows:
        if row.aggregate_id in failed:
            sending.append(RuntimeError("not sent: an earlier event of the aggregate was not"))
            continue
        try:
            sending.append(await _start(producer, row))
        except (*UNSENDABLE, KafkaError) as error:
            failed.add(row.aggregate_id)
            sending.append(error)
    acknowledged = iter(
        await asyncio.gather(*(item for item in sending if isinstance(item, asyncio.Task)), return_exceptions=True)
    )
    return [next(acknowledged) if isinstance(item, asyncio.Task) else item for item in sending]


async def _start(producer: AIOKafkaProducer, row: OutboxRow) -> asyncio.Task[None]:
    """Put the event into the producer's buffer, in order; the task ends with its acknowledgement.

    The span continues the trace of the request that stated the event, and its context travels on in the record.
    """
    topic = TOPIC_OF[row.aggregate_type].name
    span = tracer().start_span(
        f"send {topic}",
        context=context_from(row.headers),
        kind=trace.SpanKind.PRODUCER,
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "messaging.message.id": str(row.event_id),
            "tandem.event.type": row.type,
            "tandem.aggregate.id": str(row.aggregate_id),
        },
    )
    try:
        with trace.use_span(span, end_on_exit=False):
            key, value, headers = to_kafka(event_of(row, trace_headers()))
            acknowledgement = await producer.send(topic, value=value, key=key, headers=headers)
    except BaseException as error:
        span.record_exception(error)
        span.end()
        raise
    return asyncio.ensure_future(_finish(acknowledgement, span))


async def _finish(acknowledgement: asyncio.Future[object], span: trace.Span) -> None:
    with trace.use_span(span, end_on_exit=True):
        await acknowledgement


def event_of(row: OutboxRow, trace_context: dict[str, str]) -> Event:
    """The event in an outbox row; `trace_context` is what its consumers continue."""
    return Event(
        id=row.event_id,
        type=row.type,
        source="/" + row.producer.replace("_", "/", 1),
        aggregate_type=row.aggregate_type,
        aggregate_id=row.aggregate_id,
        version=row.version,
        time=row.occurred_at,
        body=row.payload.encode(),
        trace=trace_context,
    )
