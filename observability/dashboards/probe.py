"""The probe, which orders every minute as a customer does."""

from observability.dashboards.model import Panel, Query, Row, gauge, per_minute, quantile

PROBE = Row(
    "The probe: an order every minute, as a customer",
    (
        Panel(
            title="Time since an order went through",
            description="From the login to the end of the order. A minute is what it should be.",
            unit="s",
            warn=120,
            bad=300,
            runbook="TandemProbeFailed",
            queries=(Query(gauge("max", "tandem_probe_success_age_seconds"), "last one"),),
        ),
        Panel(
            title="Time that each step takes",
            description="95 of 100: what a customer waits for. Decision is from the placement to the payment.",
            unit="s",
            warn=2,
            bad=10,
            runbook="TandemProbeFailed",
            queries=(Query(quantile(0.95, "tandem_probe_step_duration_seconds", by="step"), "{{step}}"),),
        ),
        Panel(
            title="Steps that failed",
            description="A minute. The first that fails ends the order: it is the place to look at.",
            unit="opm",
            bad=0.1,
            runbook="TandemProbeFailed",
            queries=(Query(per_minute("tandem_probe_steps_total", by="step", where='outcome="failed"'), "{{step}}"),),
        ),
    ),
)
