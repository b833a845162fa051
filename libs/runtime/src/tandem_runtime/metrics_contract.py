"""Holds registered metrics to observability/metrics.yaml."""

from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase


def undeclared(registry: CollectorRegistry, path: Path) -> list[str]:
    """Return, one line each, where the metrics of the registry differ from their declaration in the file.

    The client library's own collectors (python_*, process_*) are not ours to declare.
    """
    declared: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in yaml.safe_load(path.read_text())}
    differences = []
    # The registry's public side shows a labelled metric only once it has a value.
    for collector in list(registry._collector_to_names):  # noqa: SLF001
        if isinstance(collector, MetricWrapperBase):
            differences += _differences(collector, declared)
    return sorted(differences)


def _differences(metric: MetricWrapperBase, declared: dict[str, dict[str, Any]]) -> list[str]:
    description = metric.describe()
    family = next(iter(description))
    name = f"{family.name}_total" if family.type == "counter" else family.name
    if name not in declared:
        return [f"{name}: not declared"]
    entry = declared[name]
    found = []
    if entry["type"] != family.type:
        found.append(f"{name}: is a {family.type}, declared {entry['type']}")
    labels = list(metric._labelnames)  # noqa: SLF001 - no public name for it
    if sorted(entry["labels"]) != sorted(labels):
        found.append(f"{name}: has labels {labels}, declared {entry['labels']}")
    allowed = entry.get("values", {})
    for values in metric._metrics if labels else ():  # noqa: SLF001 - likewise
        for label, value in zip(labels, values, strict=True):
            if value not in allowed.get(label, (value,)):
                found.append(f"{name}: {label} is {value!r}, which is not among the values declared")
    return found
