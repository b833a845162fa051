"""A consumer's spans, named by OpenTelemetry's conventions for messaging (as of 1.44, where they are in development).

The name of a span ends with the event's type where the conventions would have the topic: that is an attribute.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from tandem_contracts.envelope import Event
from tandem_runtime.tracing import caused_by, is_sampled, tracer


class Source(NamedTuple):
    """Where in Kafka an event was read."""

    topic: str
    partition: int
    offset: int


def process_span(consumer: str, event: Event, source: Source | None) -> dict[str, Any]:
    """What makes the span of an event's processing, which follows from the event's cause."""
    attributes: dict[str, str | int] = {
        **_of_processing(consumer),
        "messaging.message.id": str(event.id),
        "tandem.event.type": event.type,
        "tandem.aggregate.id": str(event.aggregate_id),
    }
    if source is not None:
        attributes |= {
            "messaging.destination.name": source.topic,
            "messaging.destination.partition.id": str(source.partition),
            "messaging.kafka.offset": source.offset,
        }
    return {
        "name": f"process {event.type}",
        "kind": trace.SpanKind.CONSUMER,
        "attributes": attributes,
        **caused_by(event.trace),
    }


@contextmanager
def batch_span(consumer: str, events: Sequence[Event], sources: Sequence[Source | None]) -> Iterator[None]:
    """The spans of events that share a transaction, and one of the transaction, which belongs to none of their traces.

    Links lead from each to the other. The transaction's is the current one: its statements are nobody's alone. When it
    fails, they all have failed.
    """
    if not any(is_sampled(event.trace) for event in events):
        yield
        return
    each = zip(events, sources, strict=True)
    attributes: dict[str, str | int] = {**_of_processing(consumer), "messaging.batch.message_count": len(events)}
    with (
        tracer().start_as_current_span(
            "process batch", context=Context(), kind=trace.SpanKind.CONSUMER, attributes=attributes
        ) as batch,
        ExitStack() as ends,
    ):
        spans = [tracer().start_span(**process_span(consumer, event, source)) for event, source in each]
        for span in spans:
            ends.callback(span.end)
            span.add_link(batch.get_span_context())
            batch.add_link(span.get_span_context())
        try:
            yield
        except Exception as error:
            for span in spans:  # none of them has happened, and all will be seen again
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
            raise


def _of_processing(consumer: str) -> dict[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": consumer,
    }
