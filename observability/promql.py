"""PromQL taken apart: which series an expression asks for, and what it does with them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import promql_parser as syntax

# What Grafana puts in before it asks; a dashboard's own variables besides.
GRAFANA_VARIABLES = {"__rate_interval": "5m", "__interval": "1m", "__range": "3h"}
# In `around`: series that have only now appeared.
APPEARED = "appeared"
_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_VARIABLE = re.compile(r"\$(?:\{([a-zA-Z_]\w*)\}|([a-zA-Z_]\w*))")


@dataclass(frozen=True)
class Selection:
    """A selector in an expression: the metric, its matchers as (label, value), and the calls and aggregations around.

    `around` begins with the innermost: ("rate", "sum"). `range` is in seconds, 0 for an instant.
    """

    name: str
    matchers: tuple[tuple[str, str], ...]
    around: tuple[str, ...]
    range: float
    written: str = field(compare=False, default="")
    """The selector as it stands there, without range and offset."""


def filled_in(expression: str, variables: Mapping[str, str]) -> str:
    """The expression with Grafana's variables, and these, in their places; KeyError for one that nobody knows."""
    known = GRAFANA_VARIABLES | dict(variables)
    return _VARIABLE.sub(lambda found: known[found[1] or found[2]], expression)


def selections(expression: str) -> list[Selection]:
    """Every selector of an expression without variables; ValueError when it is no PromQL."""
    return list(_selections(syntax.parse(expression), ()))


def _selections(node: syntax.Expr, around: tuple[str, ...]) -> Iterator[Selection]:
    match node:
        case syntax.VectorSelector():
            yield _selection(node, around, 0)
        case syntax.MatrixSelector():
            yield _selection(node.vector_selector, around, node.range.total_seconds())
        case syntax.Call():
            for argument in node.args:
                yield from _selections(argument, (node.func.name, *around))
        case syntax.AggregateExpr():
            yield from _selections(node.expr, (str(node.op), *around))
        case syntax.BinaryExpr():
            inside = (APPEARED, *around) if _is_appearance(node) else around
            yield from _selections(node.lhs, inside)
            yield from _selections(node.rhs, inside)
        case syntax.ParenExpr() | syntax.UnaryExpr() | syntax.SubqueryExpr():
            yield from _selections(node.expr, around)
        case _:  # a number or a string
            return


def _is_appearance(node: syntax.BinaryExpr) -> bool:
    """Whether it is `x unless x offset …`: what was not there so long ago."""
    match node.lhs, node.rhs:
        case syntax.VectorSelector() as now, syntax.VectorSelector() as before:
            return str(node.op) == "unless" and now.name == before.name and before.offset is not None
    return False


def _selection(selector: syntax.VectorSelector, around: tuple[str, ...], seconds: float) -> Selection:
    matchers = tuple((matcher.name, matcher.value) for matcher in selector.matchers.matchers)
    asked = (f"{one.name}{_OPERATORS[str(one.op)]}{json.dumps(one.value)}" for one in selector.matchers.matchers)
    written = f"{selector.name or ''}{{{', '.join(asked)}}}"
    return Selection(selector.name or "", matchers, around, seconds, written)


def grouping_labels(expression: str) -> set[str]:
    """Every label that the expression groups or joins by."""
    found: set[str] = set()

    def look(node: syntax.Expr) -> bool:
        if isinstance(node, syntax.AggregateExpr) and node.modifier is not None:
            found.update(node.modifier.labels)
        if isinstance(node, syntax.BinaryExpr) and node.modifier is not None:
            found.update(node.modifier.matching.labels if node.modifier.matching else ())
            found.update(node.modifier.group_labels or ())
        return True

    syntax.walk(syntax.parse(expression), look)
    return found


def made_labels(expression: str) -> set[str]:
    """Every label that the expression makes of others."""
    found: set[str] = set()

    def look(node: syntax.Expr) -> bool:
        if isinstance(node, syntax.Call) and node.func.name in ("label_replace", "label_join"):
            made = node.args[1]
            if isinstance(made, syntax.StringLiteral):
                found.add(made.val)
        return True

    syntax.walk(syntax.parse(expression), look)
    return found
