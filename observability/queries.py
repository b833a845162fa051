"""What a query may ask for: series that are declared, and those that our recording rules make of them."""

from collections.abc import Iterator, Mapping
from functools import cache

from observability import promql
from observability.contract import declared_series
from observability.ruleset import recorded_series

# Prometheus makes it of our alerts.
ALERTS = {"ALERTS": frozenset({"alertname", "alertstate", "severity"})}


@cache
def known_series() -> Mapping[str, frozenset[str]]:
    """Every name a query may ask for, with its labels."""
    return {**declared_series(), **recorded_series(), **ALERTS}


def objections(expression: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wrong with an expression (without variables), one line each; empty when nothing is."""
    try:
        asked = promql.selections(expression)
    except ValueError as error:
        return [f"no PromQL: {error}"]
    return [*_unknown(asked, known), *_without_rate(asked), *_grouped(expression, asked, known)]


def _unknown(asked: list[promql.Selection], known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for selection in asked:
        if selection.name not in known:
            yield f"{selection.name}: nobody emits it"
            continue
        for label, _ in selection.matchers:
            if label not in known[selection.name]:
                yield f"{selection.name}: has no label {label}"


def _without_rate(asked: list[promql.Selection]) -> Iterator[str]:
    """A counter's value says nothing, as it begins anew with each process, unless it has only now appeared."""
    for selection in asked:
        if selection.name.endswith("_total") and not set(selection.around[:1]) & {"rate", "increase", promql.APPEARED}:
            yield f"{selection.name}: a counter without rate or increase"


def _grouped(expression: str, asked: list[promql.Selection], known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    there = promql.made_labels(expression).union(*(known.get(selection.name, ()) for selection in asked))
    for label in sorted(promql.grouping_labels(expression) - there):
        yield f"{label}: grouped by, and no series has it"
