"""The collectors of observability/collector on loopback: an agent, and gateways behind it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from tandem_local.ports import free_port
from tandem_local.processes import Command, Running, running_process
from tandem_local.services import is_ready

from observability.documents import ROOT

PROGRAM = ROOT / ".tools" / "collector" / "otelcol-tandem"
CONFIGURATIONS = ROOT / "observability" / "collector"
HOST = "127.0.0.1"
# What pods are given by the chart, as it is here.
SURROUNDINGS = {"POD_IP": HOST, "NODE_NAME": "here", "NAMESPACE": "tandem", "GATEWAY": "localhost"}


@dataclass(frozen=True)
class Gateway:
    running: Running
    spans: int
    """The port of OTLP by gRPC."""
    span_metrics: str
    own_metrics: str


@dataclass(frozen=True)
class Collectors:
    endpoint: str
    """For OTEL_EXPORTER_OTLP_ENDPOINT."""
    pods: Path
    """Where the agent looks for logs, as in a node's /var/log/pods."""
    own_metrics: str
    """The agent's."""
    agent: Running
    gateways: tuple[Gateway, ...]


@contextmanager
def running_collectors(
    home: Path,
    traces: str,
    *,
    logs: str = "http://127.0.0.1:1",
    gateways: int = 1,
    decision_seconds: float = 2,
    kept_percent: float = 10,
    patience_seconds: float = 300,
) -> Iterator[Collectors]:
    """Run them while the block runs; what they keep goes to `traces` and `logs`, OTLP endpoints.

    Changed of their configurations is what has to differ on one host without Kubernetes: ports, files, who is asked
    what pod it is; and how long the gateway waits for a trace's spans, and the agent for a gateway.
    """
    surroundings = {"TRACES": traces, "LOGS": logs, "KEPT_PERCENT": str(kept_percent)}
    with ExitStack() as parts:
        behind = tuple(
            parts.enter_context(_gateway(home, f"gateway-{number}", surroundings, decision_seconds))
            for number in range(gateways)
        )
        yield parts.enter_context(_agent(home, surroundings, behind, patience_seconds))


@contextmanager
def _gateway(home: Path, name: str, surroundings: Mapping[str, str], seconds: float) -> Iterator[Gateway]:
    spans, health, span_metrics, own_metrics = (free_port() for _ in range(4))
    changes = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"{HOST}:{spans}"}}}},
        "processors": {"tail_sampling": {"decision_wait": f"{round(1000 * seconds)}ms"}},
        "connectors": {"span_metrics": {"metrics_flush_interval": "500ms"}},
        "exporters": {"prometheus": {"endpoint": f"{HOST}:{span_metrics}"}},
    }
    with _running(
        name, changes, home=home, surroundings=surroundings, health=health, own_metrics=own_metrics
    ) as running:
        yield Gateway(running, spans, *(f"http://{HOST}:{port}/metrics" for port in (span_metrics, own_metrics)))


@contextmanager
def _agent(
    home: Path, surroundings: Mapping[str, str], gateways: Sequence[Gateway], seconds: float
) -> Iterator[Collectors]:
    spans, health, own_metrics = (free_port() for _ in range(3))
    pods = home / "pods"
    addresses = [f"{HOST}:{gateway.spans}" for gateway in gateways]
    changes = {
        "receivers": {
            "otlp": {"protocols": {"http": {"endpoint": f"{HOST}:{spans}"}}},
            "file_log": {"include": [f"{pods}/tandem_*/*/*.log"]},
        },
        "processors": {"k8s_attributes": {"passthrough": True}},
        "exporters": {
            "load_balancing": {
                "resolver": {"dns": None, "static": {"hostnames": addresses}},
                "retry_on_failure": {"max_elapsed_time": f"{round(1000 * seconds)}ms"},
            }
        },
        "extensions": {"file_storage": {"directory": str(home / "positions")}},
    }
    with _running(
        "agent", changes, home=home, surroundings=surroundings, health=health, own_metrics=own_metrics
    ) as running:
        yield Collectors(
            f"http://{HOST}:{spans}", pods, f"http://{HOST}:{own_metrics}/metrics", running, tuple(gateways)
        )


@contextmanager
def _running(
    name: str, changes: dict[str, Any], *, home: Path, surroundings: Mapping[str, str], health: int, own_metrics: int
) -> Iterator[Running]:
    """The collector with the configuration that `name` begins with."""
    configuration = CONFIGURATIONS / f"{name.partition('-')[0]}.yaml"
    told = yaml.safe_load(configuration.read_text())["service"]["telemetry"]["metrics"]["readers"]
    told[0]["pull"]["exporter"]["prometheus"] |= {"port": own_metrics}
    extensions = {"health_check": {"endpoint": f"{HOST}:{health}"}} | changes.pop("extensions", {})
    telemetry = {"telemetry": {"metrics": {"readers": told}}}
    file = home / f"{name}.json"  # JSON is YAML
    file.write_text(json.dumps(changes | {"extensions": extensions, "service": telemetry}, indent=2))
    command = Command(
        name=name,
        argv=[str(PROGRAM), f"--config={configuration}", f"--config={file}"],
        env={**os.environ, **SURROUNDINGS, **surroundings},
        log=home / "logs" / f"{name}.log",
    )
    with running_process(command) as running:
        running.wait_until(partial(is_ready, health, "/"), seconds=30, pause=0.1)
        yield running
