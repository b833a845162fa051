"""A reader who knows nothing but an AsyncAPI document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from tandem_contracts.envelope import KafkaHeaders

Document = Mapping[str, Any]


def objections(document: Document, topic: str, key: bytes, value: bytes, headers: KafkaHeaders) -> list[str]:
    """What contradicts the document in a record of the topic."""
    return list(_objections(document, topic, key.decode(), json.loads(value), {k: v.decode() for k, v in headers}))


def _objections(document: Document, topic: str, key: str, payload: Any, headers: Mapping[str, str]) -> Iterator[str]:
    (channel,) = (channel for channel in document["channels"].values() if channel["address"] == topic)
    name = headers["ce_type"]
    if name not in channel["messages"]:
        yield f"{name} is not in {topic}"
        return
    message = document["components"]["messages"][name]
    key_schema = message["bindings"]["kafka"]["key"]
    for schema, instance in ((message["headers"], headers), (message["payload"], payload), (key_schema, key)):
        validator = Draft202012Validator(
            {**schema, "components": document["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        yield from (error.message for error in validator.iter_errors(instance))
    if payload.get(key_schema["x-payload-field"]) != key or not headers["ce_subject"].endswith(f"/{key}"):
        yield f"the key {key} is not that of the payload and the subject"


def stated_by(document: Document, service: str) -> set[str]:
    """The event types that a service states."""
    return {
        message["$ref"].rpartition("/")[2]
        for name, operation in document["operations"].items()
        for message in operation["messages"]
        if name.partition(".")[0] == service
    }
