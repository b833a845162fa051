"""Panel by panel and metric by metric: whether there is what they show."""

import re
import shlex
import subprocess
from dataclasses import dataclass

import psycopg

from observability.contract import Metric, declared_metrics
from observability.documents import blocks
from observability.live import expressions
from observability.live.client import Prometheus
from observability.live.store import Store

# What the client library tells of itself; ours to declare are those of them that we look at.
LIBRARY = re.compile(r"(python|process|scrape|promhttp)_\w+|up|ALERTS(_FOR_STATE)?|tandem:\w+:\w+|\w+_created")
EVERY_PROCESS = "every process"


@dataclass(frozen=True)
class Finding:
    """One line of a table: what was looked at, how much of it there was, and what is wrong, if anything is."""

    place: str
    what: str
    found: str
    wrong: str = ""


def check_expressions(prometheus: Prometheus, *, since: float, rate_interval: str) -> list[Finding]:
    """Each panel, rule and page: how many series it returned at any moment since then."""
    found = []
    for asked in (*expressions.panels(rate_interval), *expressions.rules(), *expressions.pages()):
        prometheus.series_over(asked.expression, since=since, step=5)  # it is understood as a whole
        counts = [prometheus.series_over(part, since=since, step=5) for part in asked.parts]
        silent = [part for part, count in zip(asked.parts, counts, strict=True) if not count]
        wrong = f"no data: {', '.join(silent)}" if silent else ""
        shown = str(sum(counts)) if asked.parts else "not of this machine"
        found.append(Finding(asked.place, asked.what, shown, wrong))
    return found


def check_metrics(prometheus: Prometheus) -> list[Finding]:
    """Each declared metric: by whom it was emitted; and each emitted one that nobody declared."""
    declared = declared_metrics()
    found = [_check_metric(prometheus, metric) for metric in declared]
    known = {name for metric in declared for name in metric.series()}
    strangers = [name for name in prometheus.names() if name not in known and not LIBRARY.fullmatch(name)]
    return found + [Finding("metrics.yaml", name, "emitted", "not declared") for name in strangers]


def _check_metric(prometheus: Prometheus, metric: Metric) -> Finding:
    series = [labels for name in metric.series() for labels in prometheus.series(name)]
    jobs = {labels["job"] for labels in series}
    emitters = set() if metric.emitter.startswith((EVERY_PROCESS, "Prometheus")) else set(metric.emitter.split(", "))
    wrong = [f"{labels['job']}: {fault}" for labels in series for fault in _label_faults(metric, labels)]
    if not series and metric.when:
        return Finding("metrics.yaml", metric.name, f"when {metric.when}")
    if not series:
        wrong.append("nobody emits it")
    elif missing := emitters - jobs:
        wrong.append(f"not emitted by {', '.join(sorted(missing))}")
    return Finding("metrics.yaml", metric.name, ", ".join(sorted(jobs)), "; ".join(dict.fromkeys(wrong)))


def _label_faults(metric: Metric, labels: dict[str, str]) -> list[str]:
    own = {name: value for name, value in labels.items() if name not in {"__name__", "job", "instance", "le"}}
    faults = [f"has the label {name}" for name in own if name not in metric.labels]
    return faults + [
        f"{name} is {value!r}" for name, value in own.items() if value not in metric.values.get(name, (value,))
    ]


def check_exemplars(prometheus: Prometheus, *, since: float) -> list[Finding]:
    """From a bar of a histogram to the trace of one that is in it."""
    found = []
    for name in (
        "tandem_http_server_request_duration_seconds_bucket",
        "tandem_consumer_event_age_seconds_bucket",
        "tandem_order_time_to_state_seconds_bucket",
    ):
        exemplars = prometheus.exemplars(name, since=since)
        wrong = "" if any("trace_id" in labels for labels in exemplars) else "no trace"
        found.append(Finding("exemplars", name, str(len(exemplars)), wrong))
    return found


def check_pages(store: Store) -> list[Finding]:
    """Each statement and command of the runbooks, run as it stands there."""
    statements = [Finding(one.page, one.lines()[0], "run", _run_statement(store, one.text)) for one in blocks("sql")]
    commands = {(block.page, line) for block in blocks("sh") for line in block.lines()}
    return statements + [Finding(page, line, "run", _run_command(store, line)) for page, line in sorted(commands)]


def _run_statement(store: Store, statement: str) -> str:
    try:
        with store.superuser() as session:
            session.read_only = True
            session.execute(statement.encode())
    except psycopg.Error as error:
        return str(error)
    return ""


def _run_command(store: Store, line: str) -> str:
    argv = shlex.split(line, comments=True)
    role = "tandem_worker" if argv[0] == "tandem-worker" else "tandem_admin"
    try:
        store.command(argv, role)
    except subprocess.CalledProcessError as failure:
        return f"status {failure.returncode}: {failure.stdout}{failure.stderr}"
    return ""
