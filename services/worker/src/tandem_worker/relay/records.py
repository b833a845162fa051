"""From a row of the outbox to the record that carries it, and the span that tells of its sending."""

from dataclasses import dataclass
from functools import lru_cache

from aiokafka.partitioner import murmur2
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from opentelemetry import trace
from tandem_contracts.envelope import TRACE_HEADERS, Event, KafkaHeaders, to_kafka
from tandem_contracts.registry import TOPIC_OF
from tandem_contracts.topics import MAX_RECORD_BYTES, Topic
from tandem_runtime.tracing import context_from, is_sampled, trace_headers, tracer

from tandem_worker.relay.outbox import OutboxRow
from tandem_worker.relay.rounds import Aggregate, Partition, UnsendableError


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """An event on its way; `occurred_at` is in seconds since the epoch, `size` an upper bound in bytes."""

    row_id: int
    aggregate: Aggregate
    partition: Partition
    size: int
    key: bytes
    value: bytes
    headers: KafkaHeaders
    occurred_at: float
    span: trace.Span | None


def encode(row: OutboxRow, *, tracing: bool) -> OutgoingRecord:
    """The record for `row`, with a span if `tracing` is on and somebody will see it.

    UnsendableError when there can be none, or it is larger than our topics take.
    """
    span: trace.Span | None = None
    try:
        topic = TOPIC_OF[row.aggregate_type]
        span, context = _span(topic, row, tracing=tracing)
        key, value, headers = to_kafka(event_of(row, context))
        size = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)
    except Exception as error:
        raise UnsendableError(repr(error)) from error
    if size > MAX_RECORD_BYTES:
        raise UnsendableError(f"{size} bytes are more than {MAX_RECORD_BYTES}")
    return OutgoingRecord(
        row_id=row.id,
        aggregate=row.aggregate,
        partition=(topic.name, partition_of(key, topic.partitions)),
        size=size,
        key=key,
        value=value,
        headers=headers,
        occurred_at=row.occurred_at.timestamp(),
        span=span,
    )


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """Where every Kafka client's default partitioner puts `key`.

    `partitions` is the declared number, not what the broker says: were some added there, keys would not move.
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


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


def _span(topic: Topic, row: OutboxRow, *, tracing: bool) -> tuple[trace.Span | None, dict[str, str]]:
    """A span that continues the trace of the request that stated the event, and what its consumers continue.

    Where nobody will see a span there is none, and the context travels on as it is.
    """
    context = {name: value for name in TRACE_HEADERS if (value := row.headers.get(name)) is not None}
    if not tracing or not is_sampled(context):
        return None, context
    span = tracer().start_span(
        f"send {topic.name}",
        context=context_from(context),
        kind=trace.SpanKind.PRODUCER,
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic.name,
            "messaging.destination.partition.id": str(partition_of(str(row.aggregate_id).encode(), topic.partitions)),
            "messaging.message.id": str(row.event_id),
            "tandem.event.type": row.type,
            "tandem.aggregate.id": str(row.aggregate_id),
        },
    )
    return span, trace_headers(trace.set_span_in_context(span))
