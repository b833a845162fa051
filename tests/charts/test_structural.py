"""A CustomResourceDefinition's schema, read as the API server reads it."""

from typing import Any

import jsonschema
import pytest

from charts.structural import closed, json_schema

STRUCTURAL: dict[str, Any] = {
    "type": "object",
    "required": ["count", "mode"],
    "properties": {
        "count": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "size": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "none": {"type": "string", "enum": ["x"], "nullable": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"strict": {"type": "object", "properties": {"name": {"type": "string"}}}},
        },
        "anything": {"x-kubernetes-preserve-unknown-fields": True},
        "empty": {"type": "object"},
        "pods": {"type": "array", "items": {"type": "object", "x-kubernetes-embedded-resource": True}},
        "either": {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
    },
}


@pytest.mark.parametrize(
    ("part", "valid"),
    [
        ({}, True),
        ({"count": 0}, False),
        ({"count": None}, False),
        ({"mode": "c"}, False),
        ({"other": 1}, False),
        ({"size": "10%"}, True),
        ({"size": 10}, True),
        ({"size": []}, False),
        ({"none": None}, True),
        ({"none": "y"}, False),
        ({"labels": {"any": "text"}}, True),
        ({"labels": {"any": 1}}, False),
        ({"free": {"any": {"thing": 1}}}, True),
        ({"free": {"strict": {"any": 1}}}, False),
        ({"anything": [1, {"two": 3}]}, True),
        ({"empty": {}}, True),
        ({"empty": {"any": 1}}, False),
        ({"pods": [{"kind": "Pod"}]}, False),
        ({"pods": [{"apiVersion": "v1", "kind": "Pod", "spec": {}}]}, False),
        ({"pods": [{"apiVersion": "v1", "kind": "Pod"}]}, True),
        ({"either": {"a": "x"}}, True),
        ({"either": {"a": "x", "b": "y"}}, False),
    ],
)
def test_what_is_not_named_is_refused_and_what_has_a_default_is_not_asked_for(
    part: dict[str, Any], valid: bool
) -> None:
    validator = jsonschema.Draft4Validator(closed(STRUCTURAL))
    assert validator.is_valid({"count": 1, **part}) is valid


def test_every_resource_has_a_kind_and_metadata() -> None:
    schema = json_schema({"type": "object", "properties": {"metadata": {"type": "object"}, "spec": {"type": "object"}}})
    jsonschema.Draft4Validator.check_schema(schema)
    assert schema["required"] == ["apiVersion", "kind"]
    assert schema["properties"]["metadata"]["$ref"].endswith(".ObjectMeta")
