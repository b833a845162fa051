"""observability/metrics.yaml, and what others emit, as what a query may name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

METRICS = Path(__file__).with_name("metrics.yaml")
FOREIGN = Path(__file__).with_name("foreign_metrics.yaml")
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
    when: str = ""
    """What it takes that it is emitted; empty for nothing."""

    def series(self) -> dict[str, frozenset[str]]:
        """The names that a query asks for, each with the labels that its series have."""
        labels = self.labels | TARGET_LABELS
        if self.type == "histogram":
            return {f"{self.name}{suffix}": labels | more for suffix, more in _HISTOGRAM_SERIES.items()}
        return {self.name: labels}


def declared_metrics(path: Path = METRICS) -> list[Metric]:
    return [
        Metric(
            entry["name"],
            entry["type"],
            frozenset(entry["labels"]),
            entry["emitter"],
            entry.get("values", {}),
            entry.get("when", ""),
        )
        for entry in yaml.safe_load(path.read_text())
    ]


def declared_series() -> Mapping[str, frozenset[str]]:
    """Every name that a query may ask for, with its labels."""
    declared = [*declared_metrics(), *declared_metrics(FOREIGN)]
    return {name: labels for metric in declared for name, labels in metric.series().items()}


def not_always_there() -> frozenset[str]:
    """Names of series that the system on one machine need not have: those of others, and those that take more."""
    sometimes = [*declared_metrics(FOREIGN), *(metric for metric in declared_metrics() if metric.when)]
    return frozenset(name for metric in sometimes for name in metric.series())
