"""`python -m observability.live`: whether a running system shows what dashboards, rules and runbooks ask for.

Starts the whole system with a real Prometheus, carries the scenario and more through it, and asks.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from tandem_local.progress import Progress
from tandem_local.prometheus import NoPrometheusError, find_prometheus, running_prometheus
from tandem_local.scenario import play
from tandem_local.services import NO_RATE_LIMITS
from tandem_local.stopping import StopRequested, stopping_on_signals
from tandem_local.system import running_system

from observability.live import check as checks
from observability.live.alarms import play_faults
from observability.live.client import Prometheus
from observability.live.hurry import FACTOR, hurried_files
from observability.live.limits import limits_store
from observability.live.report import show, verdict
from observability.live.store import Store
from observability.live.traffic import everything
from observability.ruleset import rule_files

SCRAPE_SECONDS = 1.0
RATE_INTERVAL = "10s"
# The rules' own pace is half a minute, and the windows of the error budget are made of what they recorded.
SETTLE_SECONDS = 95
# Of the hurried rules: a minute is three seconds.
PROBE_SECONDS = 60 / FACTOR

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(width=None if sys.stdout.isatty() else 200)


@app.callback()
def main() -> None:
    """The checks against a running system."""


@app.command()
def check() -> None:
    """Every expression returns data, every metric is declared and emitted, what runbooks say to run runs."""
    with _observed() as (store, prometheus):
        began = time.time()
        everything(store)
        with store.system.progress.step("Prometheus", "the rules record"):
            time.sleep(SETTLE_SECONDS)
        expressions = checks.check_expressions(prometheus, since=began, rate_interval=RATE_INTERVAL)
        metrics = checks.check_metrics(prometheus)
        others = [*checks.check_exemplars(prometheus, since=began), *checks.check_pages(store)]
        others += [checks.Finding("rules", fault, "", "failed") for fault in prometheus.rule_faults()]
    show(console, "Expressions", ("where", "panel, rule, line", "series"), expressions)
    show(console, "Metrics", ("where", "metric", "emitted by"), metrics)
    show(console, "Traces, statements, commands", ("where", "what", "found"), others)
    if not verdict(console, [*expressions, *metrics, *others]):
        raise typer.Exit(1)


@app.command()
def alerts(only: Annotated[str, typer.Option(help="A fault's name, or an alert's.")] = "") -> None:
    """Every alert fires by its fault and ends with it; the rules' time runs twenty times faster."""
    with limits_store() as (limits, url):
        # Customers may ask as often as they like; visitors are counted, in the store.
        os.environ.update(NO_RATE_LIMITS | {"TANDEM_RATE_LIMIT_CATALOGUE": "6000/minute"})
        os.environ["TANDEM_RATE_LIMIT_STORE_URL"] = url
        os.environ["TANDEM_PROBE_INTERVAL_SECONDS"] = str(PROBE_SECONDS)
        with _observed(hurry=True) as (store, prometheus):
            play(store.system)
            findings = play_faults(store, prometheus, limits, only)
    show(console, "Alerts", ("fault", "alert", "seen"), findings)
    if not verdict(console, findings):
        raise typer.Exit(1)


@contextmanager
def _observed(*, hurry: bool = False) -> Iterator[tuple[Store, Prometheus]]:
    """A system of its own, and a Prometheus that reads it."""
    try:
        find_prometheus()
    except NoPrometheusError as missing:
        console.print(str(missing), soft_wrap=True)
        raise typer.Exit(2) from None
    try:
        with tempfile.TemporaryDirectory(prefix="tandem-observe-") as folder, stopping_on_signals() as stop:
            Path(folder).chmod(0o755)  # the account of Postgres passes
            home = Path(folder) / "home"
            rules = hurried_files(home / "rules") if hurry else rule_files()
            with (
                running_system(home, Progress(Console(stderr=True)), stop=stop, probed=True) as system,
                running_prometheus(
                    home, system.wiring.ports.operations, rules, stop=stop, scrape_seconds=SCRAPE_SECONDS
                ) as server,
            ):
                yield Store(system), Prometheus(server.url)
    except StopRequested as request:
        raise typer.Exit(request.status) from None


if __name__ == "__main__":
    app()
