from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import from_zero

PUBLISHED = Counter("tandem_relay_published_events", "Events the broker has acknowledged.", ["topic"])
PUBLISH_DELAY = Histogram(
    "tandem_relay_publish_delay_seconds",
    "Time from when an event was stated to the broker's acknowledgement.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
BATCH = Histogram(
    "tandem_relay_batch_events",
    "Events in one record batch.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
)
FAILURES = Counter("tandem_relay_failures", "Errors after which the relay starts anew.", ["reason"])
LATE = Counter("tandem_relay_late_events", "Events that became visible behind where the relay was reading.")
OWNED_SHARDS = Gauge("tandem_relay_owned_shards", "Of 64; 0 means standing by for another replica.")
PARKED = Gauge("tandem_relay_parked_aggregates", "Aggregates held back because one of their events cannot be sent.")
BACKLOG = Gauge("tandem_outbox_backlog_events", "Events waiting in the outbox; counted up to 10,000.")
OLDEST_AGE = Gauge("tandem_outbox_oldest_event_age_seconds", "Age of the oldest event in the outbox; 0 when empty.")
OLDEST_TRANSACTION = Gauge(
    "tandem_database_oldest_transaction_age_seconds", "Age of the database's oldest transaction; 0 if none.", ["kind"]
)

from_zero(FAILURES, {"reason": ("database", "broker", "refusal")})
