"""Everything that is asked of Prometheus anywhere: panels, rules, pages for people."""

from collections.abc import Iterator
from dataclasses import dataclass

from observability import jobs, promql
from observability.contract import not_always_there
from observability.dashboards.all import DASHBOARDS
from observability.documents import blocks
from observability.ruleset import alerts, recordings


@dataclass(frozen=True)
class Asked:
    """`parts` have to have data: the expression itself or, of one that is empty while all is well, its series.

    There are none where all that is asked for is somebody else's, or takes more than a machine on its own.
    """

    place: str
    what: str
    expression: str
    parts: tuple[str, ...]


def panels(rate_interval: str) -> Iterator[Asked]:
    """Every target of every panel, with all jobs and instances chosen."""
    variables = {"job": ".+", "instance": ".+", "__rate_interval": rate_interval}
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                expression = promql.filled_in(query.promql(), variables)
                here = all(map(_is_here, promql.selections(expression)))
                parts = (expression,) if here else ()
                yield Asked(dashboard.uid, panel.title, expression, parts)


def rules() -> Iterator[Asked]:
    for one in recordings():
        yield Asked("recorded", one.name, one.expression, (one.name,))
    for alert in alerts():
        yield Asked("alert", f"{alert.name} {alert.labels['severity']}", alert.expression, _series(alert.expression))


def pages() -> Iterator[Asked]:
    for block in blocks("promql"):
        for line in block.lines():
            yield Asked(block.page, line, line, _series(line))


def _series(expression: str) -> tuple[str, ...]:
    """The selectors of the expression, each alone, of what has to be there."""
    return tuple(dict.fromkeys(one.written for one in promql.selections(expression) if _is_here(one)))


def _is_here(asked: promql.Selection) -> bool:
    """Whether a system on one machine has such series; it has no collector."""
    return asked.name not in not_always_there() and ("job", jobs.COLLECTORS) not in asked.matchers
