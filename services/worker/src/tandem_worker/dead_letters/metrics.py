from typing import get_args

from prometheus_client import Counter, Gauge
from tandem_runtime.metrics import from_zero

from tandem_worker.dead_letters.repository import Action

LETTERS = Gauge(
    "tandem_consumer_dead_letters",
    "Dead letters that are not settled, in the database.",
    ["consumer", "state", "reason"],
)
OLDEST = Gauge(
    "tandem_consumer_oldest_dead_letter_age_seconds",
    "Age of the oldest dead letter that is not settled; 0 when there is none.",
    ["consumer"],
)
DECISIONS = Counter(
    "tandem_consumer_decisions",
    "Decisions about dead letters that were carried out.",
    ["consumer", "action", "outcome"],
)


def begin(consumer: str) -> None:
    """Let the decisions about the consumer's letters begin with 0."""
    from_zero(DECISIONS, {"consumer": (consumer,), "action": get_args(Action), "outcome": ("done", "failed")})
