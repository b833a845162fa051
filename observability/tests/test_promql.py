"""PromQL taken apart, and what is said against expressions."""

import pytest

from observability import promql, queries
from observability.promql import Selection

KNOWN = {
    "orders_total": frozenset({"state", "job"}),
    "wait_seconds_bucket": frozenset({"le", "job"}),
    "waiting": frozenset({"job"}),
}


def test_selections_tell_what_is_done_with_them() -> None:
    asked = promql.selections('sum by (state) (rate(orders_total{state!="x"}[5m])) / on (job) waiting offset 1h > 2')
    assert asked == [
        Selection("orders_total", (("state", "x"),), ("rate", "sum"), 300),
        Selection("waiting", (), (), 0),
    ]


def test_variables_are_filled_in_and_unknown_ones_are_told() -> None:
    assert promql.filled_in('x{job=~"$job"}[${__rate_interval}]', {"job": ".+"}) == 'x{job=~".+"}[5m]'
    with pytest.raises(KeyError, match="surprise"):
        promql.filled_in("x{job=~'$surprise'}", {})


@pytest.mark.parametrize(
    ("expression", "objection"),
    [
        ("sum by (state) (rate(orders_total[5m]))", None),
        ('waiting{job="a"} > 2', None),
        ('sum by (class) (label_replace(waiting, "class", "$1", "job", "(.*)"))', None),
        ("sum(rate(surprise_total[5m]))", "surprise_total: nobody emits it"),
        ('waiting{order_id="1"}', "waiting: has no label order_id"),
        ("sum by (state) (waiting)", "state: grouped by, and no series has it"),
        ("sum by (state) (orders_total unless orders_total offset 15m) > 0", None),
        ("sum(orders_total unless waiting offset 15m)", "orders_total: a counter without rate or increase"),
        ("sum(orders_total)", "orders_total: a counter without rate or increase"),
        ("orders_total > 3", "orders_total: a counter without rate or increase"),
    ],
)
def test_each_objection_is_named(expression: str, objection: str | None) -> None:
    assert queries.objections(expression, KNOWN) == ([objection] if objection else [])


def test_what_is_no_promql_is_told() -> None:
    (objection,) = queries.objections("sum by (state rate(x[5m])", KNOWN)
    assert objection.startswith("no PromQL")
