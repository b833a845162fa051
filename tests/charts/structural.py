"""What a CustomResourceDefinition's openAPIV3Schema allows, as a JSON schema that refuses what it does not name.

The API server drops a field that a structural schema does not name, and fills in defaults, before it validates. Here
the first is an error, as with kubectl's strict validation, and a field with a default is not asked for. Rules in CEL
(x-kubernetes-validations) are not read: those are the server's alone.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT = {"type": "string"}
# Of Kubernetes' own kinds, whose schemas are in the same folder; it has not changed in the versions we check.
METADATA = {"$ref": "../v1.35.0/_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
KEPT = (
    *("type", "enum", "pattern", "format", "minimum", "maximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    *("exclusiveMinimum", "exclusiveMaximum", "allOf", "anyOf", "oneOf", "not"),
)


def json_schema(schema: Schema) -> dict[str, Any]:
    """The schema of a whole resource. Draft 4 is the one whose exclusiveMinimum is a boolean, as OpenAPI's is."""
    return {"$schema": "http://json-schema.org/draft-04/schema#", **resource(schema)}


def resource(schema: Schema) -> dict[str, Any]:
    """What every resource has need not be in its schema."""
    made = closed(schema)
    made["properties"] |= {"apiVersion": TEXT, "kind": TEXT, "metadata": METADATA}
    made["required"] = sorted({"apiVersion", "kind", *made.get("required", [])})
    return made


def closed(schema: Schema) -> dict[str, Any]:
    """Of a part. What is in allOf, anyOf, oneOf and not constrains values only, and stays as it is."""
    made = {key: schema[key] for key in KEPT if key in schema}
    if "items" in schema:
        made["items"] = part(schema["items"])
    if schema.get("type") == "object":
        made |= _fields(schema)
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if schema.get("nullable"):
        made |= _nullable(made)
    return made


def part(schema: Schema) -> dict[str, Any]:
    return resource(schema) if schema.get("x-kubernetes-embedded-resource") else closed(schema)


def _fields(schema: Schema) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made: dict[str, Any] = {"properties": {name: part(of) for name, of in properties.items()}}
    if required := [name for name in schema.get("required", []) if "default" not in properties.get(name, {})]:
        made["required"] = required
    others = schema.get("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    made["additionalProperties"] = others if isinstance(others, bool) else part(others)
    return made


def _nullable(made: Schema) -> dict[str, Any]:
    types = made.get("type", [])
    nullable: dict[str, Any] = {"type": [*([types] if isinstance(types, str) else types), "null"]} if types else {}
    if "enum" in made:
        nullable["enum"] = [*made["enum"], None]
    return nullable
