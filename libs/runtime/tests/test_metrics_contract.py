from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from tandem_runtime import http_telemetry, metrics, pool_metrics, progress
from tandem_runtime.metrics_contract import undeclared

CONTRACT = Path(__file__).parents[3] / "observability" / "metrics.yaml"


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.yaml"
    path.write_text(
        yaml.safe_dump(
            [
                {"name": "tandem_orders_total", "type": "counter", "labels": ["outcome"]},
                {"name": "tandem_wait_seconds", "type": "histogram", "labels": []},
                {
                    "name": "tandem_doors",
                    "type": "gauge",
                    "labels": ["state"],
                    "values": {"state": ["open", "shut"]},
                },
            ]
        )
    )
    return path


def test_the_metrics_of_the_runtime_are_declared() -> None:
    # A registry of their own: others may be in the process, with declarations of theirs.
    registry = CollectorRegistry()
    for metric in (
        http_telemetry.REQUEST_DURATION,
        metrics.BUILD_INFO,
        progress.EVENT_LOOP_LAG,
        pool_metrics.CONNECTIONS,
    ):
        registry.register(metric)
    assert undeclared(registry, CONTRACT) == []


def test_what_is_declared_as_it_is_registered_passes(contract: Path) -> None:
    registry = CollectorRegistry()
    Counter("tandem_orders", "Orders.", ["outcome"], registry=registry)
    Histogram("tandem_wait_seconds", "Wait.", registry=registry)
    assert undeclared(registry, contract) == []


def test_each_difference_is_named(contract: Path) -> None:
    registry = CollectorRegistry()
    Counter("tandem_orders", "Orders.", ["outcome", "order_id"], registry=registry)
    Gauge("tandem_wait_seconds", "Wait.", registry=registry)
    Gauge("tandem_surprise", "Surprise.", registry=registry)
    Gauge("tandem_doors", "Doors.", ["state"], registry=registry).labels("ajar").set(1)
    assert undeclared(registry, contract) == [
        "tandem_doors: state is 'ajar', which is not among the values declared",
        "tandem_orders_total: has labels ['outcome', 'order_id'], declared ['outcome']",
        "tandem_surprise: not declared",
        "tandem_wait_seconds: is a gauge, declared histogram",
    ]


@pytest.mark.parametrize("entry", yaml.safe_load(CONTRACT.read_text()), ids=lambda entry: entry["name"])
def test_a_declaration_is_complete_and_its_name_tells_its_unit(entry: dict[str, Any]) -> None:
    assert set(entry) - {"values", "when"} == {"name", "type", "unit", "labels", "emitter", "meaning"}
    assert set(entry.get("values", ())) <= set(entry["labels"])
    assert entry["type"] in {"counter", "gauge", "histogram"}
    assert entry["name"].endswith("_total") == (entry["type"] == "counter")
    stem = entry["name"].removesuffix("_total")
    if entry["unit"] in {"seconds", "bytes", "info"}:
        assert stem.endswith(f"_{entry['unit']}")
    else:
        assert not stem.endswith(("_seconds", "_bytes", "_info"))
