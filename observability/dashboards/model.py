"""What a dashboard is made of, before it is Grafana's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stat", "timeseries"]

# One meaning, one colour, on every dashboard.
GOOD, WARN, BAD, CALM, FAINT = "green", "orange", "red", "blue", "#8e8e8e"
# Grafana's grid; on a phone each panel takes a row of its own.
GRID = 24
# Panels of Prometheus' own series ask for these; `$scope` in an expression stands for them.
SCOPE = 'job=~"$job", instance=~"$instance"'


@dataclass(frozen=True)
class Query:
    """`$scope` in the expression becomes the dashboard's choice of job and instance."""

    expression: str
    legend: str = ""

    def promql(self) -> str:
        return self.expression.replace("$scope", SCOPE)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """`warn` and `bad` are limits: reached from below, or with `low_is_bad` from above.

    `runbook` names a file of observability/runbooks without its ending, `page` a page of the back office.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = 8
    warn: float | None = None
    bad: float | None = None
    low_is_bad: bool = False
    decimals: int | None = None
    stacked: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)
    """Of series, by their legend."""
    runbook: str = ""
    page: str = ""

    @property
    def height(self) -> int:
        return 4 if self.kind == "stat" else 8


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """`services` are those one may choose among, a pattern over tandem_build_info's label; empty: there is no choice.

    Then its panels are about the store as a whole.
    """

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]
    services: str = ""

    @property
    def uid(self) -> str:
        return f"tandem-{self.name}"

    @property
    def panels(self) -> list[Panel]:
        return [panel for row in self.rows for panel in row.panels]


def rate(metric: str, *, by: str = "", where: str = "") -> str:
    """How often a second, by labels."""
    return f"sum by ({by}) (rate({metric}{_selector(where)}[$__rate_interval]))"


def per_minute(metric: str, *, by: str = "", where: str = "") -> str:
    return f"60 * {rate(metric, by=by, where=where)}"


def quantile(share: float, metric: str, *, by: str = "", where: str = "") -> str:
    """The value that so great a share of a histogram's observations stays below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{_selector(where)}[$__rate_interval])))"


def quantiles(metric: str, *, where: str = "") -> tuple[Query, ...]:
    """The middle, and what one of twenty and one of a hundred meets."""
    return tuple(
        Query(quantile(share, metric, where=where), legend)
        for share, legend in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
    )


def gauge(aggregate: str, metric: str, *, by: str = "", where: str = "") -> str:
    """A gauge over replicas: `max` where each shows the same, `sum` where each has its own."""
    return f"{aggregate} by ({by}) ({metric}{_selector(where)})"


def _selector(where: str) -> str:
    return f"{{$scope, {where}}}" if where else "{$scope}"
