from time import monotonic

from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import LATENCY_BUCKETS, from_zero

STEPS = ("login", "orders", "catalogue", "placement", "decision", "cancellation")
OUTCOMES = Counter("tandem_probe_steps", "Steps of the probe's orders.", ["step", "outcome"])
DURATION = Histogram(
    "tandem_probe_step_duration_seconds", "Time that a step took which passed.", ["step"], buckets=LATENCY_BUCKETS
)
SUCCESS_AGE = Gauge("tandem_probe_success_age_seconds", "Time since an order went through, or since the start.")


def begin() -> None:
    """Let everything begin with 0: without an order, the probe has had none since now."""
    from_zero(OUTCOMES, {"step": STEPS, "outcome": ("passed", "failed")})
    from_zero(DURATION, {"step": STEPS})
    succeeded()


def succeeded() -> None:
    since = monotonic()
    # Asked when somebody reads it: a probe that hangs is old too.
    SUCCESS_AGE.set_function(lambda: monotonic() - since)
