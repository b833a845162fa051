"""What every service's dashboard ends with: its processes."""

from observability.dashboards.model import Panel, Query, Row, gauge


def process_row(services: str, *, event_loop: bool = True) -> Row:
    """`services` is a pattern of job names."""
    job = f'job=~"{services}"'
    lag = Panel(
        title="Lag of the event loop",
        description="How much later than asked the event loop woke, 99 of 100 times: what every request pays on top."
        " A value means that something computes, or waits, where it should not.",
        unit="s",
        width=6,
        warn=0.1,
        bad=0.5,
        runbook="TandemEventLoopBlocked",
        queries=(
            Query(
                "histogram_quantile(0.99, sum by (le, job, instance)"
                f" (rate(tandem_event_loop_lag_seconds_bucket{{$scope, {job}}}[$__rate_interval])))",
                "{{job}} {{instance}}",
            ),
        ),
    )
    return Row(
        "Processes",
        (
            Panel(
                title="Memory",
                description="Resident memory of each process. One that only rises, over days, leaks.",
                unit="bytes",
                width=6,
                queries=(
                    Query(
                        gauge("sum", "process_resident_memory_bytes", by="job, instance", where=job),
                        "{{job}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                title="Processor",
                description="Processors that each process keeps busy; Python uses one at most.",
                unit="short",
                width=6,
                decimals=2,
                warn=0.9,
                queries=(
                    Query(
                        f"sum by (job, instance) (rate(process_cpu_seconds_total{{$scope, {job}}}[$__rate_interval]))",
                        "{{job}} {{instance}}",
                    ),
                ),
            ),
            *([lag] if event_loop else []),
            Panel(
                title="Age of the processes",
                description="Time since each process started; a saw is a process that dies and is started again.",
                unit="s",
                width=6,
                runbook="TandemProcessRestarting",
                queries=(
                    Query(
                        f"time() - {gauge('max', 'process_start_time_seconds', by='job, instance', where=job)}",
                        "{{job}} {{instance}}",
                    ),
                ),
            ),
        ),
    )
