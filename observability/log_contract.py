"""observability/logs.yaml as what a line may hold."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

LOGS = Path(__file__).with_name("logs.yaml")


def _is_time(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() == timedelta()


def _is_id(value: object) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value


def _is_hexadecimal(length: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{length}}}", value) is not None


_TYPES: Mapping[str, Callable[[object], bool]] = {
    "text": lambda value: isinstance(value, str),
    "whole": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "flag": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    "time": _is_time,
    "id": _is_id,
    "trace": _is_hexadecimal(32),
    "span": _is_hexadecimal(16),
}


def declared_fields() -> dict[str, dict[str, Any]]:
    """Every field by its name: type, meaning, values where they are few; `always` for what no line lacks."""
    declared = yaml.safe_load(LOGS.read_text())
    fields = {name: field | {"always": True} for name, field in declared["always"].items()}
    for group in (declared["known"], *declared["of"].values()):
        fields |= group
    return fields


def line_faults(text: str, fields: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with a line, one entry each; empty when nothing is."""
    try:
        line = json.loads(text)
    except ValueError:
        return ["is no JSON"]
    if not isinstance(line, dict):
        return ["is no object"]
    missing = [f"has no {name}" for name, field in fields.items() if field.get("always") and name not in line]
    return missing + [fault for name, value in line.items() if (fault := _fault(name, value, fields))]


def _fault(name: str, value: object, fields: Mapping[str, Mapping[str, Any]]) -> str:
    if name not in fields:
        return f"{name}: is not declared"
    field = fields[name]
    try:
        fits = _TYPES[field["type"]](value)
    except ValueError:
        fits = False
    if not fits:
        return f"{name}: {value!r} is no {field['type']}"
    return "" if value in field.get("values", (value,)) else f"{name}: {value!r} is not among its values"
