"""Declared in observability/metrics.yaml."""

from prometheus_client import Counter
from tandem_runtime.metrics import from_zero

from payment_sandbox.faults import Fault

PAYMENTS = Counter("payment_sandbox_payments", "Calls that moved money or declined to, by what they did.", ["outcome"])
FAULTS = Counter("payment_sandbox_faults", "Faults played on request of an amount.", ["fault"])
REPLAYS = Counter("payment_sandbox_replays", "Repeated calls that were given the answer of the first.")

from_zero(FAULTS, {"fault": [fault.name.lower() for fault in Fault]})
