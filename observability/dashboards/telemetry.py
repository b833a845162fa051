"""Whether what the other dashboards show can be believed."""

from observability import jobs
from observability.dashboards.model import Dashboard, Panel, Query, Row, gauge, per_minute, rate

OURS = f'job=~"{jobs.ALL}"'


def _each(aggregate: str, metric: str) -> str:
    return gauge(aggregate, metric, by="job, instance", where=OURS)


COLLECTORS = f'job=~"{jobs.COLLECTORS}"'
# Each alone: a collector that has lost nothing yet does not have them all.
LOST = {
    "refused": "otelcol_receiver_refused_spans_total",
    "spans given up": "otelcol_exporter_send_failed_spans_total",
    "lines given up": "otelcol_exporter_send_failed_log_records_total",
    "no room in the queue": "otelcol_exporter_enqueue_failed_spans_total",
    "no room for traces": "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
}

TELEMETRY = Dashboard(
    name="telemetry",
    title="Telemetry health",
    description="Whether what the other dashboards show can be believed: who is read, how fresh, how much.",
    services=".+",
    rows=(
        Row(
            "Scraping",
            (
                Panel(
                    title="Processes that cannot be read",
                    description="Prometheus knows of them and gets no answer.",
                    unit="short",
                    kind="stat",
                    bad=1,
                    runbook="TandemTargetDown",
                    queries=(Query(f"count(up{{$scope, {OURS}}} == 0) or vector(0)"),),
                ),
                Panel(
                    title="Processes",
                    description="That can be read, by service.",
                    unit="short",
                    kind="stat",
                    width=16,
                    runbook="TandemProcessAbsent",
                    queries=(Query(gauge("count", "tandem_build_info", by="service"), "{{service}}"),),
                ),
                Panel(
                    title="Time to read a process",
                    description="How long its answer took: an answer that grows is one with ever more series.",
                    unit="s",
                    warn=1,
                    bad=5,
                    queries=(
                        Query(
                            _each("max", "scrape_duration_seconds"),
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Series of each process",
                    description="Labels are bounded, so this stands still after a day; what grows has a label that"
                    " is not.",
                    unit="short",
                    warn=5000,
                    bad=20000,
                    queries=(
                        Query(
                            _each("max", "scrape_samples_scraped"),
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Versions",
                    description="Which version runs how often. Two while a release rolls out; longer is a rollout that"
                    " hangs.",
                    unit="short",
                    stacked=True,
                    queries=(
                        Query(gauge("count", "tandem_build_info", by="service, version"), "{{service}} {{version}}"),
                    ),
                ),
            ),
        ),
        Row(
            "Collectors",
            (
                Panel(
                    title="Telemetry lost",
                    description="A minute, by collector: spans turned away or given up, log lines given up, traces"
                    " that had to go before they were decided about. Without collectors there is no data.",
                    unit="opm",
                    width=6,
                    bad=1,
                    runbook="TandemTelemetryLost",
                    queries=tuple(
                        Query(per_minute(metric, by="job", where=COLLECTORS), f"{{{{job}}}} {what}")
                        for what, metric in LOST.items()
                    ),
                ),
                Panel(
                    title="Spans taken and handed on",
                    description="By collector. A gateway hands on what it keeps; what it counts is all that it takes.",
                    unit="ops",
                    width=6,
                    queries=(
                        Query(
                            rate("otelcol_receiver_accepted_spans_total", by="job", where=COLLECTORS), "{{job}} taken"
                        ),
                        Query(
                            rate("otelcol_exporter_sent_spans_total", by="job", where=COLLECTORS), "{{job}} handed on"
                        ),
                    ),
                ),
                Panel(
                    title="Room in the queues",
                    description="What waits to be sent, as a share of what may wait. It grows when what is behind is"
                    " slow or away.",
                    unit="percentunit",
                    width=6,
                    warn=0.5,
                    bad=0.9,
                    runbook="TandemTelemetryLost",
                    queries=(
                        Query(
                            f"max by (job, exporter) (otelcol_exporter_queue_size{{$scope, {COLLECTORS}}}"
                            f" / otelcol_exporter_queue_capacity{{$scope, {COLLECTORS}}})",
                            "{{job}} {{exporter}}",
                        ),
                    ),
                ),
                Panel(
                    title="Traces decided about",
                    description="By what was decided. Those that failed or were slow are kept, and a share of the"
                    " others.",
                    unit="ops",
                    width=6,
                    stacked=True,
                    queries=(
                        Query(
                            rate(
                                "otelcol_processor_tail_sampling_global_count_traces_sampled_total",
                                by="decision",
                                where=COLLECTORS,
                            ),
                            "{{decision}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    title="Open files",
                    description="As a share of what each process may have open; sockets count.",
                    unit="percentunit",
                    warn=0.7,
                    bad=0.9,
                    queries=(
                        Query(
                            f"{_each('max', 'process_open_fds')} / {_each('max', 'process_max_fds')}",
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Memory",
                    description="Resident memory of every process.",
                    unit="bytes",
                    queries=(
                        Query(
                            _each("sum", "process_resident_memory_bytes"),
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Silent measurements",
                    description="Replicas of the relay that cannot see other sessions' transactions (NaN): their role"
                    " lacks pg_read_all_stats.",
                    unit="short",
                    bad=1,
                    runbook="TandemLongTransaction",
                    queries=(
                        Query(
                            "count(tandem_database_oldest_transaction_age_seconds{$scope}"
                            " != tandem_database_oldest_transaction_age_seconds{$scope}) or vector(0)",
                            "blind",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
