"""One round of publishing: produce a batch, wait for the broker, tell what it has acknowledged."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from opentelemetry import trace
from opentelemetry.context import Context
from tandem_contracts.envelope import Event, KafkaHeaders, to_kafka
from tandem_contracts.registry import TOPIC_OF
from tandem_runtime.tracing import context_from, trace_headers, tracer

from tandem_worker.relay import metrics
from tandem_worker.relay.outbox import Aggregate, OutboxRow

log = structlog.get_logger()


class UnsendableError(Exception):
    """The row itself is at fault: no repetition can cure it."""


@dataclass(slots=True)
class Published:
    """What a round came to: ids to delete, aggregates to park, and the first error that a new producer may cure."""

    ids: list[int] = field(default_factory=list)
    parked: set[Aggregate] = field(default_factory=set)
    error: BaseException | None = None


async def publish(producer: AIOKafkaProducer, rows: Sequence[OutboxRow]) -> Published:
    """Send `rows` in waves: the first event of each aggregate, then the second, each wave when the one before is done.

    So no event of an aggregate is ever in Kafka before an earlier one, whatever fails: a consumer that is new to the
    aggregate would take the later one for the beginning. Events behind one that failed stay for the next round.
    """
    result = Published()
    lanes: dict[Aggregate, list[OutboxRow]] = defaultdict(list)
    for row in rows:
        lanes[row.aggregate].append(row)
    while lanes:
        wave = [lane.pop(0) for lane in lanes.values()]
        outcomes = await asyncio.gather(*(_send(producer, row) for row in wave), return_exceptions=True)
        for row, outcome in zip(wave, outcomes, strict=True):
            if _note(result, row, outcome) or not lanes[row.aggregate]:
                del lanes[row.aggregate]
    return result


def _note(result: Published, row: OutboxRow, outcome: BaseException | None) -> bool:
    """Whether the row failed."""
    if outcome is None:
        result.ids.append(row.id)
        metrics.PUBLISHED.labels(topic=TOPIC_OF[row.aggregate_type].name).inc()
        return False
    if isinstance(outcome, UnsendableError | MessageSizeTooLargeError):
        result.parked.add(row.aggregate)
        log.error(
            "event cannot be sent, its aggregate is parked",
            event_id=str(row.event_id),
            event_type=row.type,
            aggregate_id=str(row.aggregate_id),
            error=repr(outcome),
        )
    elif result.error is None:
        result.error = outcome
    return True


async def _send(producer: AIOKafkaProducer, row: OutboxRow) -> None:
    """Send one event and wait for its acknowledgement.

    The span continues the trace of the request that stated the event, and its context travels on in the record.
    """
    topic, parent = _destination(row)
    with tracer().start_as_current_span(
        f"send {topic}",
        context=parent,
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
    ):
        key, value, headers = _record(row)
        await (await producer.send(topic, value=value, key=key, headers=headers))


def _destination(row: OutboxRow) -> tuple[str, Context]:
    try:
        return TOPIC_OF[row.aggregate_type].name, context_from(row.headers)
    except Exception as error:
        raise UnsendableError(repr(error)) from error


def _record(row: OutboxRow) -> tuple[bytes, bytes, KafkaHeaders]:
    try:
        return to_kafka(event_of(row, trace_headers()))
    except Exception as error:
        raise UnsendableError(repr(error)) from error


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
