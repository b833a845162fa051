"""The rules of observability/rules, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from observability import promql

FOLDER = Path(__file__).with_name("rules")


@dataclass(frozen=True)
class Recording:
    name: str
    expression: str
    labels: frozenset[str]
    """Of the recorded series."""


@dataclass(frozen=True)
class Alert:
    name: str
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    file: str


def rule_files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def recordings() -> list[Recording]:
    return [
        Recording(rule["record"], rule["expr"], frozenset(rule.get("labels", {})) | _grouped(rule["expr"]))
        for _, rule in _rules()
        if "record" in rule
    ]


def alerts() -> list[Alert]:
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"], file)
        for file, rule in _rules()
        if "alert" in rule
    ]


def recorded_series() -> dict[str, frozenset[str]]:
    """The names that recording rules make, with the labels of their series.

    Rules that are made of recorded ones keep the labels of those.
    """
    series: dict[str, frozenset[str]] = {}
    for one in recordings():
        inherited = [series[asked.name] for asked in promql.selections(one.expression) if asked.name in series]
        series[one.name] = series.get(one.name, frozenset()) | one.labels.union(*inherited)
    return series


def _grouped(expression: str) -> frozenset[str]:
    """What the outermost aggregations leave; a recorded expression aggregates, or is made of recorded ones."""
    return frozenset(promql.grouping_labels(expression))


def _rules() -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.name, rule)
        for path in rule_files()
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
