"""The AsyncAPI document of all events: topics as channels, services' statements as operations, event types as messages.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 with the Kafka bindings 0.5.0. The payload schemas are
those of the models, the headers those of `envelope`.
"""

from collections.abc import Collection, Iterator
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from tandem_contracts.envelope import CONTENT_TYPE, MAX_AGGREGATE_TYPE, TRACE_HEADERS
from tandem_contracts.registry import EVENT_TYPES, EventType
from tandem_contracts.topics import TOPICS, Topic

Document = dict[str, Any]

KAFKA_BINDING = "0.5.0"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TRACE_DESCRIPTION = "W3C trace context of the request that caused the event"

_ENVELOPE = {
    "title": "CloudEvent",
    "description": "The record's headers: CloudEvents 1.0 in Kafka's binary mode. Ignore those you do not know.",
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "the same whenever the event is delivered again"},
        "ce_source": {"type": "string", "minLength": 1, "description": "who stated it", "examples": ["/tandem/worker"]},
        "ce_type": {"type": "string", "minLength": 1},
        "ce_subject": {
            "type": "string",
            "pattern": f"^[a-z_]{{1,{MAX_AGGREGATE_TYPE}}}/{_UUID}$",
            "description": "kind and id of the aggregate that the event is about",
        },
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_aggregateversion": {
            "type": "string",
            "pattern": "^[1-9][0-9]{0,17}$",
            "description": "counts the events of the aggregate from 1 without a gap",
        },
        "content-type": {"const": CONTENT_TYPE},
        **{name: {"type": "string", "description": _TRACE_DESCRIPTION} for name in TRACE_HEADERS},
    },
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_aggregateversion",
        "content-type",
    ],
}


def document(event_types: Collection[EventType] = tuple(EVENT_TYPES.values())) -> Document:
    """The document of `event_types`, by default those of this release."""
    payloads, definitions = models_json_schema(
        [(event_type.model, "serialization") for event_type in event_types],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tandem events",
            "version": version("tandem-contracts"),
            "description": "What happened in the store. At least once, in order for each aggregate.",
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic, event_types) for topic in TOPICS},
        "operations": dict(_operations(event_types)),
        "components": {
            "messages": {
                event_type.name: _message(event_type, payloads[event_type.model, "serialization"])
                for event_type in event_types
            },
            "schemas": {"CloudEvent": _ENVELOPE, **definitions["$defs"]},
        },
    }


def _channel(topic: Topic, event_types: Collection[EventType]) -> Document:
    return {
        "address": topic.name,
        "messages": {
            event_type.name: {"$ref": f"#/components/messages/{event_type.name}"}
            for event_type in event_types
            if event_type.topic is topic
        },
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations(event_types: Collection[EventType]) -> Iterator[tuple[str, Document]]:
    """One for each service and topic: what the service states there."""
    stated = sorted({(owner, event_type.topic.name) for event_type in event_types for owner in event_type.owners})
    for owner, topic in stated:
        yield (
            f"{owner}.{topic}",
            {
                "action": "send",
                "title": f"{owner} states",
                "channel": {"$ref": f"#/channels/{topic}"},
                "messages": [
                    {"$ref": f"#/channels/{topic}/messages/{event_type.name}"}
                    for event_type in event_types
                    if event_type.topic.name == topic and owner in event_type.owners
                ],
            },
        )


def _message(event_type: EventType, payload: Document) -> Document:
    return {
        "name": event_type.name,
        "summary": event_type.model.__doc__,
        "contentType": CONTENT_TYPE,
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {
                    "properties": {
                        "ce_type": {"const": event_type.name},
                        "ce_subject": {"pattern": f"^{event_type.aggregate_type}/{_UUID}$"},
                    }
                },
            ]
        },
        "payload": payload,
        "bindings": {
            "kafka": {
                "key": {"type": "string", "format": "uuid", "x-payload-field": event_type.key},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }
