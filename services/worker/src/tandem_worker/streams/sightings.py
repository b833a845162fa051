"""An event where it was seen: in a topic, or still in the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord
from tandem_contracts.envelope import Event, MalformedEventError, from_kafka


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record of a topic as an event; where it is none, `malformed` says why, and `value` is what it carries."""

    topic: str
    partition: int
    offset: int
    time: datetime
    event: Event | None
    malformed: str = ""
    value: bytes = b""

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


def sighting(record: ConsumerRecord) -> Sighting:
    """The time is the event's own; of a record that is no event, the record's."""
    place = (record.topic, record.partition, record.offset)
    try:
        event = from_kafka(record.value, record.headers)
    except MalformedEventError as error:
        time = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return Sighting(*place, time, None, str(error), record.value or b"")
    return Sighting(*place, event.time, event)


def trace_id(trace: Mapping[str, Any]) -> str:
    """The trace that the event belongs to; empty if it has none."""
    parts = str(trace.get("traceparent", "")).split("-")
    return parts[1] if len(parts) > 1 else ""
