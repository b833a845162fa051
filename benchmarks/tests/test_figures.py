"""What turns samples into figures; the measurements themselves are their own test: they verify what they measured."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.events.ceiling import logged, script
from benchmarks.events.topic import Sample, rate, rate_between
from benchmarks.measuring.plot import plot
from benchmarks.measuring.results import Result, at_least, at_most, load, number, of_rounds, percentile, save
from benchmarks.measuring.table import markdown

RESULT = Result(
    title="Publishing <a backlog>",
    series=[
        of_rounds("relay", "100 waiting", "events/s", [10.0, 30.0, 20.0]),
        of_rounds("one by one", "100 waiting", "events/s", [1.0, 2.0, 3.0], peer=True),
    ],
    aims=[at_least("20/s", 20, 20, unit="/s"), at_most("5 ms", 5.1, 5, unit=" ms")],
    notes=["a note"],
    conditions={"cores": "2"},
)

LOG = """2026-01-01 00:00:00.000 UTC [1] LOG:  execute <unnamed>: SELECT pg_notify('tandem_outbox', '')
2026-01-01 00:00:00.000 UTC [1] LOG:  execute _pg3_0: SELECT uuidv7() AS order_id FROM keys
	WHERE customer = $1 AND key = $2
2026-01-01 00:00:00.000 UTC [1] DETAIL:  Parameters: $1 = 'customer-1', $2 = 'key-1'
2026-01-01 00:00:00.000 UTC [2] LOG:  statement: BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
2026-01-01 00:00:00.000 UTC [2] LOG:  execute <unnamed>: SELECT * FROM catalog_product WHERE status = $1
2026-01-01 00:00:00.000 UTC [2] DETAIL:  Parameters: $1 = 'published'
2026-01-01 00:00:00.000 UTC [1] LOG:  execute _pg3_1: WITH claim AS (SELECT WHERE pg_try_advisory_xact_lock($1)),
	placed AS (INSERT INTO orders_order (id, customer_id) VALUES ($2::UUID, $3::UUID))
	INSERT INTO keys VALUES ($4, $5::JSONB, $10)
2026-01-01 00:00:00.000 UTC [1] DETAIL:  Parameters: $1 = '42', $2 = 'order-1', $3 = 'customer-1', $4 = 'key-1', \
$5 = '{"id": "order-1", "name": "it''s"}', $10 = NULL
2026-01-01 00:00:00.000 UTC [1] LOG:  execute <unnamed>: SELECT pg_notify('tandem_outbox', '')
"""


def test_the_ceiling_runs_what_the_server_logged_with_values_of_its_own() -> None:
    made = script(logged(LOG), order_id="order-1", key="key-1", customer="customer-1", by="customer-2")
    assert made.splitlines() == [
        r"\set key random(1, 9000000000000000000)",
        "SELECT uuidv7() AS order_id FROM keys",
        r"WHERE customer = 'customer-2' AND key = ('' || (:key)::text || '') \gset",
        "WITH claim AS (SELECT WHERE pg_try_advisory_xact_lock((:key))),",
        "placed AS (INSERT INTO orders_order (id, customer_id)"
        " VALUES (('' || (:order_id)::text || '')::UUID, 'customer-2'::UUID))",
        "INSERT INTO keys VALUES (('' || (:key)::text || ''),"
        """ ('{"id": "' || (:order_id)::text || '", "name": "it''s"}')::JSONB, NULL);""",
    ]


def test_results_are_kept_with_all_they_have(tmp_path: Path) -> None:
    file = tmp_path / "results" / "events.json"
    assert load(file) == {}
    save({"relay": RESULT}, file)
    assert load(file) == {"relay": RESULT}


def test_the_table_tells_medians_spread_and_which_aims_were_missed() -> None:
    table = markdown("Measured", "make bench-events", "events.svg", {"relay": RESULT})
    assert "| relay | 100 waiting | 20.0 events/s | 10.0 to 30.0 |" in table
    assert "- met: 20/s; reached 20.0/s\n- **missed**: 5 ms; reached 5.10 ms\n- a note" in table
    assert "cores 2" in table


def test_what_depends_on_the_number_of_clients_is_a_grid_and_curves() -> None:
    series = [
        of_rounds(subject, case, "answers/s", [factor * 100.0])
        for factor, subject in enumerate(("slow", "fast"), start=1)
        for case in ("1 client", "1,000 clients")
    ]
    memory = of_rounds("fast", "after all of it", "MiB", [90.0])
    result = Result("Reads", [*series, memory], [], [], {"cores": "2"}, by_clients=True)
    table = markdown("Measured", "make bench-api", "api.svg", {"reads": result})
    assert "| answers/s | slow | fast |\n|---|---:|---:|\n| 1 client | 100 | 200 |" in table
    assert "| MiB | fast |" in table
    drawn = ET.fromstring(plot({"reads": result}))
    assert len(drawn.findall(".//{*}polyline")) == 2
    texts = [text.text for text in drawn.findall(".//{*}text")]
    assert "1,000" in texts
    assert "fast, after all of it" in texts


def test_the_plot_has_a_bar_for_each_figure_on_one_scale() -> None:
    root = ET.fromstring(plot({"relay": RESULT}))
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert bars == pytest.approx([440 * 20 / 30, 440 * 2 / 30], abs=0.1)


@pytest.mark.parametrize(
    ("values", "part", "expected"), [([3, 1, 2], 50, 2), (range(1, 101), 99, 99), ([7], 99, 7), ([7], 1, 7)]
)
def test_a_percentile_is_a_value_that_was_seen(values: list[float], part: int, expected: float) -> None:
    assert percentile(values, part) == expected


def test_figures_have_three_digits() -> None:
    assert [number(value) for value in (12_345.6, 123.4, 12.34, 1.234, 0)] == ["12,346", "123", "12.3", "1.23", "0.00"]


def test_a_rate_leaves_out_the_time_before_the_first_record() -> None:
    samples = [Sample(0, 0), Sample(9, 0), Sample(10, 100), Sample(11, 300), Sample(12, 500)]
    assert rate(samples) == 200


def test_a_drain_that_slows_down_shows_it_window_by_window() -> None:
    fast = [Sample(at, at * 100) for at in range(11)]
    slow = [Sample(10 + at, 1000 + at * 50) for at in range(1, 21)]
    assert rate_between(fast + slow, 0, 0.5) == 100
    assert rate_between(fast + slow, 0.5, 1) == 50
