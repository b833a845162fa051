from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import from_zero

TRANSITIONS = Counter("tandem_order_transitions", "Orders that entered a state, committed or not.", ["state"])
REFUSED = Counter("tandem_order_requests_refused", "Requests that the order did not allow.", ["request"])
TIME_TO_STATE = Histogram(
    "tandem_order_time_to_state_seconds",
    "Time from an order's placement to when it entered a state.",
    ["state"],
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28800, 86400, 604800),
)
LEDGER_MISMATCHES = Gauge("tandem_stock_ledger_mismatches", "Products whose stock is not what its ledger sums to.")

# All but the first, in which the API places them.
STATES = ("reserved", "paid", "shipped", "delivered", "rejected", "cancelled", "refunded")
from_zero(TRANSITIONS, {"state": STATES})
from_zero(TIME_TO_STATE, {"state": STATES})
