"""What is generated from the models and the registry, and committed: schemas, a document, tables, topics."""

import json
from pathlib import Path
from typing import Any

from tandem_contracts import asyncapi, page
from tandem_contracts.registry import EVENT_TYPES
from tandem_contracts.topics import TOPICS

ROOT = Path(__file__).parents[4]
SCHEMAS = Path("libs/contracts/src/tandem_contracts/schemas")
DOCUMENT = Path("libs/contracts/asyncapi.json")
PAGE = Path("docs/events.md")
CHART_TOPICS = Path("deploy/helm/operators/topics.json")


def schemas() -> dict[str, str]:
    """File name to content: one JSON Schema (2020-12) for each event type."""
    return {
        f"{name}.json": as_json(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": f"urn:tandem:event:{name}",
                **event_type.model.model_json_schema(mode="serialization"),
            },
            sort_keys=True,
        )
        for name, event_type in EVENT_TYPES.items()
    }


def chart_topics() -> list[dict[str, Any]]:
    """What the chart makes KafkaTopics of; how many replicas there are, and have to acknowledge, is for its values."""
    of_replicas = "min.insync.replicas"
    return [
        {
            "name": topic.name,
            "partitions": topic.partitions,
            "config": {
                name: value for name, value in topic.config(replication_factor=1).items() if name != of_replicas
            },
        }
        for topic in TOPICS
    ]


def as_json(content: Any, *, sort_keys: bool = False) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=sort_keys) + "\n"


def differences(root: Path) -> list[str]:
    """One line for each generated file under `root` that is missing, out of date or of no event type."""
    wanted = _files(root)
    lines = []
    for path in wanted.keys() | (root / SCHEMAS).glob("*.json"):
        if path not in wanted:
            lines.append(f"{path.name}: no such event type")
        elif not path.exists():
            lines.append(f"{path.name}: missing")
        elif path.read_text() != wanted[path]:
            lines.append(f"{path.name}: out of date")
    return sorted(lines)


def write(root: Path) -> None:
    """Bring the generated files under `root` up to date."""
    wanted = _files(root)
    for path in set((root / SCHEMAS).glob("*.json")) - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def _files(root: Path) -> dict[Path, str]:
    return {
        **{root / SCHEMAS / name: content for name, content in schemas().items()},
        root / DOCUMENT: as_json(asyncapi.document()),
        root / PAGE: page.with_tables((root / PAGE).read_text()),
        root / CHART_TOPICS: as_json(chart_topics()),
    }
