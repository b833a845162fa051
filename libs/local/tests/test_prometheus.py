"""Prometheus beside the system."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from tandem_local.processes import ProcessFailed
from tandem_local.prometheus import NoPrometheusError, find_prometheus, running_prometheus


@pytest.fixture
def metrics_port() -> Iterator[int]:
    registry = CollectorRegistry()
    Gauge("tandem_test_things", "Things.", registry=registry).set(3)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def needs_prometheus() -> None:
    try:
        find_prometheus()
    except NoPrometheusError as missing:
        pytest.skip(str(missing))


def test_a_machine_without_prometheus_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoPrometheusError, match="apt-get install prometheus"):
        find_prometheus()


def test_it_reads_each_process_under_its_service_s_name_and_records(tmp_path: Path, metrics_port: int) -> None:
    needs_prometheus()
    rules = tmp_path / "rules.yaml"
    rules.write_text('groups: [{name: a, rules: [{record: "tandem:things:sum", expr: sum(tandem_test_things)}]}]')

    with running_prometheus(
        tmp_path / "home", {"relay": metrics_port}, [rules], stop=Event(), scrape_seconds=0.2
    ) as prometheus:

        def found(expression: str) -> list[dict[str, object]]:
            with urlopen(f"{prometheus.url}/api/v1/query?query={expression}") as answer:
                return list(json.load(answer)["data"]["result"])

        deadline = time.monotonic() + 30
        while not found("tandem:things:sum"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (series,) = found("tandem_test_things")

    assert series["metric"] == {
        "__name__": "tandem_test_things",
        "instance": f"127.0.0.1:{metrics_port}",
        "job": "worker-relay",
    }


def test_a_rule_that_is_none_is_told_with_what_prometheus_says(tmp_path: Path) -> None:
    needs_prometheus()
    rules = tmp_path / "rules.yaml"
    rules.write_text("groups: [{name: a, rules: [{record: b, expr: 'sum('}]}]")

    with (
        pytest.raises(ProcessFailed, match="parse error"),
        running_prometheus(tmp_path / "home", {}, [rules], stop=Event()),
    ):
        pass
