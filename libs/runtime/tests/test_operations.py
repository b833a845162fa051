import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from tandem_runtime.health import Health
from tandem_runtime.operations import OperationsServer


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


class Listening(OperationsServer):
    port: int


@pytest.fixture
def server(clock: Clock, registry: CollectorRegistry) -> Iterator[Listening]:
    server = Listening(Health(clock), "127.0.0.1", 0, liveness_seconds=10, registry=registry)
    server.port = server.start()
    yield server
    server.stop()


def get(server: Listening, path: str, **headers: str) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


def test_livez_fails_when_no_beat_came_within_the_limit_and_recovers_with_the_next(
    server: Listening, clock: Clock
) -> None:
    assert get(server, "/livez")[0] == 200
    clock.now += 11
    status, _, body = get(server, "/livez")
    assert status == 503
    assert json.loads(body)["reasons"] == {"progress": "no beat for 11.0 s, limit 10 s"}
    server.health.beat()
    assert get(server, "/livez")[0] == 200


def test_livez_does_not_care_whether_the_process_is_ready(server: Listening) -> None:
    server.health.add_check("database", lambda: "connection refused")
    assert get(server, "/livez")[0] == 200
    assert get(server, "/readyz")[0] == 503


def test_readyz_fails_until_the_process_says_it_is_ready_and_again_when_it_stops(server: Listening) -> None:
    assert get(server, "/readyz")[0] == 503
    server.health.set_ready(True)
    assert get(server, "/readyz")[0] == 200
    server.health.set_ready(False)
    status, _, body = get(server, "/readyz")
    assert status == 503
    assert json.loads(body)["reasons"] == {"process": "not ready: starting or stopping"}


def test_readyz_names_each_check_that_fails_or_raises(server: Listening) -> None:
    server.health.set_ready(True)
    server.health.add_check("cache", lambda: None)
    server.health.add_check("database", lambda: "connection refused")
    keys: dict[str, str] = {}
    server.health.add_check("keys", lambda: keys["current"])
    status, content_type, body = get(server, "/readyz")
    assert (status, content_type) == (503, "application/json")
    assert json.loads(body)["reasons"] == {"database": "connection refused", "keys": "KeyError: 'current'"}


def test_metrics_are_in_the_classic_format_unless_asked_otherwise(
    server: Listening, registry: CollectorRegistry
) -> None:
    Counter("orders_placed", "Orders.", registry=registry).inc()
    status, content_type, body = get(server, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain; version=0.0.4")
    assert "orders_placed_total 1.0" in body


def test_openmetrics_shows_exemplars(server: Listening, registry: CollectorRegistry) -> None:
    Histogram("wait_seconds", "Wait.", registry=registry).observe(0.2, exemplar={"trace_id": "abc"})
    _, content_type, body = get(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert '# {trace_id="abc"} 0.2' in body
    assert body.endswith("# EOF\n")


def test_another_path_is_not_found(server: Listening) -> None:
    assert get(server, "/")[0] == 404


def test_probing_writes_nothing(server: Listening, capfd: pytest.CaptureFixture[str]) -> None:
    get(server, "/livez")
    get(server, "/nowhere")
    assert capfd.readouterr() == ("", "")


def test_a_client_that_connects_and_is_silent_does_not_hold_up_a_probe(server: Listening) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        assert get(server, "/livez")[0] == 200


def test_a_stopped_server_has_given_its_port_back(server: Listening) -> None:
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass
