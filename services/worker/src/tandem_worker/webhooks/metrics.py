from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import LATENCY_BUCKETS, from_zero

ATTEMPTS = Counter("tandem_webhook_attempts", "Webhooks that were sent, by what came back.", ["outcome"])
SETTLED = Counter("tandem_webhook_deliveries_settled", "Deliveries that were made or given up.", ["outcome"])
DURATION = Histogram(
    "tandem_webhook_attempt_duration_seconds", "Time that partners took, time-outs included.", buckets=LATENCY_BUCKETS
)
AGE = Histogram(
    "tandem_webhook_delivery_age_seconds",
    "Time from an event's delivery being written to the partner's yes.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28800, 86400),
)
DISABLED = Counter("tandem_webhook_endpoints_disabled", "Endpoints that the worker disabled.", ["reason"])
LATE_ANSWERS = Counter("tandem_webhook_leases_lost", "Answers that came when somebody else had taken over.")
PENDING = Gauge("tandem_webhook_pending_deliveries", "Deliveries that wait, of enabled endpoints.")
OLDEST = Gauge(
    "tandem_webhook_oldest_pending_age_seconds", "Age of the oldest delivery that waits; 0 when there is none."
)
ENDPOINTS = Gauge("tandem_webhook_endpoints", "Endpoints that partners have.", ["state"])

from_zero(ATTEMPTS, {"outcome": ("success", "3xx", "4xx", "5xx", "error")})
from_zero(SETTLED, {"outcome": ("delivered", "given_up")})
from_zero(DISABLED, {"reason": ("gone", "failing")})
