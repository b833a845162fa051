from prometheus_client import Counter, Histogram
from tandem_runtime.metrics import LATENCY_BUCKETS, from_zero

OUTCOMES = Counter("tandem_payment_outcomes", "Answers of the payment provider.", ["operation", "outcome"])
LATENCY = Histogram(
    "tandem_payment_request_duration_seconds",
    "Time the payment provider took, time-outs included.",
    ["operation"],
    buckets=LATENCY_BUCKETS,
)
UNSETTLED = Counter(
    "tandem_payment_reconciliation_failures",
    "Payments and refunds that asking again could not settle, for another reason than time.",
)

from_zero(OUTCOMES, {"operation": ("capture",), "outcome": ("captured", "declined", "unknown")})
from_zero(OUTCOMES, {"operation": ("refund",), "outcome": ("refunded", "unknown")})
from_zero(LATENCY, {"operation": ("capture", "refund")})
