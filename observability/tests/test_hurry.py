"""The rules with time running faster."""

from pathlib import Path

import pytest
import yaml

from observability import promql
from observability.live.hurry import hurried_expression, hurried_files
from observability.ruleset import rule_files


@pytest.mark.parametrize(
    ("expression", "hurried"),
    [
        ("sum(rate(x_total[5m])) > 1", "sum(rate(x_total[15000ms])) > 1"),
        ("max(tandem_outbox_oldest_event_age_seconds) > 60", "max(tandem_outbox_oldest_event_age_seconds) > 3"),
        ('max by (kind) (age_seconds{kind="writing"}) > 300', 'max by (kind) (age_seconds{kind="writing"}) > 15'),
        (
            "histogram_quantile(0.99, sum by (le) (rate(lag_seconds_bucket[5m]))) > 0.5",
            "histogram_quantile(0.99, sum by (le) (rate(lag_seconds_bucket[15000ms]))) > 0.5",
        ),
        ("sum_over_time(bad[1h]) * 30 >= 10", "sum_over_time(bad[180000ms]) * 1.5 >= 10"),
    ],
)
def test_windows_and_ages_shrink_and_shares_and_bounds_do_not(expression: str, hurried: str) -> None:
    assert hurried_expression(expression) == hurried


def test_every_rule_is_hurried_and_stays_promql(tmp_path: Path) -> None:
    written = hurried_files(tmp_path)

    assert [path.name for path in written] == [path.name for path in rule_files()]
    for path in written:
        for group in yaml.safe_load(path.read_text())["groups"]:
            assert group["interval"].endswith("ms")
            for rule in group["rules"]:
                promql.selections(rule["expr"])
