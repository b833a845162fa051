"""observability/metrics.yaml as what a query may name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

METRICS = Path(__file__).with_name("metrics.yaml")
# Every scraped series has these: Prometheus puts them on.
TARGET_LABELS = frozenset({"job", "instance"})
_HISTOGRAM_SERIES = {"_bucket": {"le"}, "_sum": set[str](), "_count": set[str]()}


@dataclass(frozen=True)
class Metric:
    """One declaration; `name` as it is declared, counters with `_total`."""

    name: str
    type: str
    labels: frozenset[str]
    emitter: str
    values: Mapping[str, Sequence[str]]
    """All that a label may have, of those labels that say so."""

    def series(self) -> dict[str, frozenset[str]]:
        """The names that a query asks for, each with the labels that its series have."""
        labels = self.labels | TARGET_LABELS
        if self.type == "histogram":
            return {f"{self.name}{suffix}": labels | more for suffix, more in _HISTOGRAM_SERIES.items()}
        return {self.name: labels}


def declared_metrics(path: Path = METRICS) -> list[Metric]:
    return [
        Metric(entry["name"], entry["type"], frozenset(entry["labels"]), entry["emitter"], entry.get("values", {}))
        for entry in yaml.safe_load(path.read_text())
    ]


def declared_series(path: Path = METRICS) -> Mapping[str, frozenset[str]]:
    """Every name that a query may ask for, with its labels."""
    return {name: labels for metric in declared_metrics(path) for name, labels in metric.series().items()}
