"""An event where it was seen: in a topic, or still in the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord
from tandem_contracts.envelope import Event, MalformedEventError, from_kafka


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record of a topic as an event; `malformed` says why it is none, and there is no event then."""

    topic: str
    partition: int
    offset: int
    time: datetime
    event: Event | None
    malformed: str = ""

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


def sighting(record: ConsumerRecord) -> Sighting:
    """The time is the event's own; of a record that is no event, the record's."""
    place = (record.topic, record.partition, record.offset)
    try:
        event = from_kafka(record.value, record.headers)
    except MalformedEventError as error:
        return Sighting(*place, datetime.fromtimestamp(record.timestamp / 1000, UTC), None, str(error))
    return Sighting(*place, event.time, event)


def trace_id(trace: Mapping[str, Any]) -> str:
    """The trace that the event belongs to; empty if it has none."""
    parts = str(trace.get("traceparent", "")).split("-")
    return parts[1] if len(parts) > 1 else ""
