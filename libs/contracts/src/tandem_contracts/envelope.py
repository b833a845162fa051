"""CloudEvents 1.0 in Kafka's binary mode: attributes in `ce_*` headers, the payload as JSON in the value.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from tandem_contracts.payloads import Payload
from tandem_contracts.registry import EVENT_TYPES

CONTENT_TYPE = "application/json"
TRACE_HEADERS = ("traceparent", "tracestate")
MAX_VERSION = 2**63 - 1
MAX_AGGREGATE_TYPE = 32
MAX_TYPE = 64
KafkaHeaders = list[tuple[str, bytes]]


class MalformedEventError(ValueError):
    """A record that is not one of our events, or whose payload breaks its contract."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about one aggregate.

    `version` counts the aggregate's events from 1 without a gap; `body` is the payload's JSON as it was published;
    `trace` holds the W3C trace context of the request that caused the event.
    """

    id: UUID
    type: str
    source: str
    aggregate_type: str
    aggregate_id: UUID
    version: int
    time: datetime
    body: bytes
    trace: Mapping[str, str] = field(default_factory=dict)

    def payload(self) -> Payload | None:
        """The validated payload, or None for a type that this release does not know.

        Raises MalformedEventError when the body breaks the contract of its type.
        """
        event_type = EVENT_TYPES.get(self.type)
        if event_type is None:
            return None
        try:
            return event_type.model.model_validate_json(self.body)
        except ValidationError as error:
            raise MalformedEventError(f"{self.type}: {error}") from error


def to_kafka(event: Event) -> tuple[bytes, bytes, KafkaHeaders]:
    """Key, value and headers of the record that carries `event`."""
    aggregate_id = str(event.aggregate_id)
    headers: KafkaHeaders = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event.id).encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_subject", f"{event.aggregate_type}/{aggregate_id}".encode()),
        ("ce_time", event.time.isoformat().encode()),
        ("ce_aggregateversion", str(event.version).encode()),
        ("content-type", CONTENT_TYPE.encode()),
    ]
    headers += [(name, event.trace[name].encode()) for name in TRACE_HEADERS if name in event.trace]
    return aggregate_id.encode(), event.body, headers


def from_kafka(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Event:
    """The event in a record; MalformedEventError when an attribute is missing or unreadable."""
    contents = dict(headers)  # whatever else is in there is for others, and need not be text

    def attribute(name: str) -> str:
        return contents[name].decode()

    try:
        aggregate_type, _, aggregate_id = attribute("ce_subject").partition("/")
        event = Event(
            id=UUID(attribute("ce_id")),
            type=attribute("ce_type"),
            source=attribute("ce_source"),
            aggregate_type=aggregate_type,
            aggregate_id=UUID(aggregate_id),
            version=int(attribute("ce_aggregateversion")),
            time=datetime.fromisoformat(attribute("ce_time")),
            body=value or b"",
            trace={name: attribute(name) for name in TRACE_HEADERS if name in contents},
        )
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise MalformedEventError(f"not a Tandem event: {error!r}") from error
    if not _is_sound(event):
        raise MalformedEventError("not a Tandem event: an attribute is out of bounds")
    return event


def _is_sound(event: Event) -> bool:
    """What every consumer may rely on, because its tables do."""
    return (
        0 < event.version <= MAX_VERSION
        and 0 < len(event.aggregate_type) <= MAX_AGGREGATE_TYPE
        and 0 < len(event.type) <= MAX_TYPE
        and event.time.tzinfo is not None
        and b"\0" not in event.body
    )
