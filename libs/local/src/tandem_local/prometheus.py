"""Prometheus beside the system, where the machine has it: it reads every process, with the alerts of observability/."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from tandem_local.ports import free_port
from tandem_local.processes import Command, Running, running_process
from tandem_local.services import is_ready

HOW_TO_GET_IT = "apt-get install prometheus (Debian, Ubuntu), brew install prometheus (macOS)"
# By the name a process has here: the name of its scrape job, which is the service's own.
JOBS = {
    "admin": "admin",
    "api": "api",
    "relay": "worker-relay",
    "orders": "worker-orders",
    "notifications": "worker-notifications",
    "webhooks": "worker-webhooks",
    "payment": "payment-sandbox",
    "probe": "worker-probe",
}
SCRAPE_SECONDS = 5.0


class NoPrometheusError(Exception):
    """There is no `prometheus` on this machine; the message says how to get it."""


@dataclass(frozen=True)
class PrometheusServer:
    url: str
    running: Running


def find_prometheus() -> str:
    """The program; NoPrometheusError when it is not on the path."""
    found = shutil.which("prometheus")
    if found is None:
        raise NoPrometheusError(f"there is no Prometheus on this machine; to get it: {HOW_TO_GET_IT}")
    return found


@contextmanager
def running_prometheus(
    home: Path,
    operations: Mapping[str, int],
    rules: Sequence[Path],
    *,
    stop: Event,
    scrape_seconds: float = SCRAPE_SECONDS,
) -> Iterator[PrometheusServer]:
    """Run Prometheus with its data in `home`/prometheus while the block runs; it serves when the block begins.

    `operations` is each process's port of metrics. NoPrometheusError when the machine has none, ProcessFailed when it
    does not start, such as for a rule it does not understand.
    """
    program = find_prometheus()
    folder = home / "prometheus"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "port"
    port = free_port(int(kept.read_text()) if kept.exists() else None)
    kept.write_text(str(port))
    configuration = folder / "prometheus.json"  # JSON is YAML
    configuration.write_text(json.dumps(_configuration(operations, rules, scrape_seconds), indent=2))
    command = Command(
        name="prometheus",
        argv=[
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=31d",  # the error budget's month
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ],
        log=home / "logs" / "prometheus.log",
    )
    with running_process(command) as running:
        running.wait_until(partial(is_ready, port, "/-/ready"), seconds=30, pause=0.1, stop=stop)
        yield PrometheusServer(f"http://127.0.0.1:{port}", running)


def _configuration(operations: Mapping[str, int], rules: Sequence[Path], scrape_seconds: float) -> dict[str, object]:
    # In milliseconds: durations are whole numbers.
    pace = f"{round(scrape_seconds * 1000)}ms"
    return {
        "global": {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": JOBS[name], "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for name, port in operations.items()
        ],
    }
