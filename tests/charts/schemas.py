"""Each chart's values.schema.json, made from values.yaml: what is there has a type, what is not is refused."""

import json
from pathlib import Path
from typing import Any

import yaml

from charts.rendering import CHARTS, NAMES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
OPEN: Schema = {"type": "object"}
OF_TYPE: dict[type, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": 0},
    str: TEXT,
    list: {"type": "array"},
}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
TEXTS: Schema = {"type": "array", "items": TEXT}
NAMED: Schema = {**TEXTS, "uniqueItems": True}
# Numbers and booleans are no labels.
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}


def objects(*required: str) -> Schema:
    """A list of Kubernetes' own, of which only what has to be there is known."""
    return {"type": "array", "items": {"type": "object", "required": list(required)}}


# A number would be written as 1e+06: settings are text.
SETTINGS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$"},
    "additionalProperties": {"type": "string"},
}
PEERS: Schema = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["to", "ports"],
        "additionalProperties": False,
        "properties": {
            "to": {"type": "array", "minItems": 1, "items": {"type": "object", "minProperties": 1}},
            "ports": {"type": "array", "minItems": 1, "items": PORT},
        },
    },
}
KAFKA: Schema = {
    "type": "object",
    "required": ["consumerGroup", "topics", "lagPerPod"],
    "additionalProperties": False,
    "properties": {
        "consumerGroup": TEXT,
        "topics": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer", "minimum": 1}},
        "lagPerPod": {"type": "integer", "minimum": 1},
    },
}
# Of a key, wherever it is; all others follow from what values.yaml has there.
KNOWN: dict[str, Schema] = {
    "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "pullPolicy": {"enum": ["", "Always", "IfNotPresent", "Never"]},
    "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "securityProtocol": {"enum": ["", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]},
    "environment": {"enum": ["", "development", "test", "production"]},
    "type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "nodePort": {"type": "integer", "minimum": 0, "maximum": 65535},
    "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
    "adminUrl": {"type": "string", "pattern": "^(https?://[^/]+)?$"},
    "apiUrl": {"type": "string", "pattern": "^(https?://[^/]+)?$"},
    "endpoint": {"type": "string", "pattern": "^(https?://.+)?$"},
    "schedule": {"type": "string", "pattern": r"^(\S+ ){4}\S+$"},
    "settings": SETTINGS,
    "secrets": SETTINGS,
    "peers": PEERS,
    "networkPeers": PEERS,
    "egress": NAMED,
    "args": TEXTS,
    "hosts": TEXTS,
    "hostnames": TEXTS,
    "labels": LABELS,
    "annotations": LABELS,
    "commonLabels": LABELS,
    "podLabels": LABELS,
    "podAnnotations": LABELS,
    "nodeSelector": LABELS,
    "imagePullSecrets": objects("name"),
    "extraEnv": objects("name"),
    "extraVolumes": objects("name"),
    "extraVolumeMounts": objects("name", "mountPath"),
    "extraObjects": objects("apiVersion", "kind", "metadata"),
    "parentRefs": objects("name"),
    "clients": objects(),
    "monitoring": objects(),
    "extraEgress": objects(),
    "tolerations": objects(),
    "tls": objects(),
    "strategy": OPEN,
    "parameters": {"type": "object", "additionalProperties": TEXT},
    # CloudNativePG counts days, weeks and months, Prometheus and those like it hours and days.
    "retentionPolicy": {"type": "string", "pattern": "^[1-9][0-9]*[dwm]$"},
    "retention": {"type": "string", "pattern": "^[1-9][0-9]*[hd]$"},
    "inRoles": NAMED,
    "reads": NAMED,
    "writes": NAMED,
    "groups": NAMED,
    "watches": NAMED,
    "deletes": NAMED,
    "requests": OPEN,
    "limits": OPEN,
    # Percent, or how many.
    "maxUnavailable": {"type": ["integer", "string"]},
}


def schema_of(value: Any, key: str = "", path: tuple[str, ...] = ()) -> Schema:
    if path == ("postgres", "settings"):
        return {"type": "object", "additionalProperties": TEXT}
    if key in KNOWN:
        return KNOWN[key]
    if isinstance(value, dict) and value:
        return closed({name: schema_of(part, name, (*path, name)) for name, part in value.items()})
    return OF_TYPE.get(type(value), OPEN)


def closed(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def each_of(named: dict[str, dict[str, Any]]) -> Schema:
    """Any number of what these are, by name; null leaves one out."""
    together = {key: part for one in named.values() for key, part in one.items()}
    return {"type": "object", "additionalProperties": {"anyOf": [schema_of(together), {"type": "null"}]}}


def chart_schema(folder: Path) -> Schema:
    """The schema of a chart, whoever's it is, as far as it is made of the library."""
    chart = yaml.safe_load((folder / "Chart.yaml").read_text())
    values = yaml.safe_load((folder / "values.yaml").read_text())
    schema = schema_of(values)
    properties = schema["properties"]
    # A chart in it has a schema of its own; of the library's name helm makes an empty value.
    properties |= {dependency["name"]: OPEN for dependency in chart.get("dependencies", [])}
    if "global" not in values:
        properties |= {"global": OPEN, "enabled": {"type": "boolean"}}
    if "schedules" in values:
        job = values["jobs"] | values["migration"] | {"schedule": "", "args": [], "settings": {}, "extraEnv": []}
        properties["migration"] = schema_of(job)
        properties["topics"] = schema_of(job | values["topics"])
        properties["schedules"] = {
            "type": "object",
            "additionalProperties": {"anyOf": [schema_of(job), {"type": "null"}]},
        }
    if "roles" in values:
        role = schema_of(values["defaults"])
        role["properties"]["enabled"] = {"type": "boolean"}
        role["properties"]["autoscaling"]["properties"]["kafka"] = KAFKA
        properties["defaults"] = role
        properties["roles"] = {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z][a-z0-9-]*$"},
            "additionalProperties": {"anyOf": [role, {"type": "null"}]},
        }
    if chart["name"] == "operators":
        postgres, kafka = properties["postgres"]["properties"], properties["kafka"]["properties"]
        postgres["roles"] = each_of(values["postgres"]["roles"])
        kafka["pools"] = each_of(values["kafka"]["pools"])
        kafka["users"] = each_of(values["kafka"]["users"] | {"": {"deletes": []}})
    title = f"Values of the chart {chart['name']}"
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **schema}


def text_of(folder: Path) -> str:
    return json.dumps(chart_schema(folder), indent=2) + "\n"


def write() -> None:
    for file, text in _made():
        file.write_text(text)


def stale() -> list[Path]:
    """The files that are not what they should be."""
    return [file for file, text in _made() if not file.exists() or file.read_text() != text]


def _made() -> list[tuple[Path, str]]:
    return [(CHARTS / chart / "values.schema.json", text_of(CHARTS / chart)) for chart in NAMES]
