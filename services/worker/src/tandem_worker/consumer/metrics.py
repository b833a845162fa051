from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import from_zero

EVENTS = Counter("tandem_consumer_events", "Events by what became of them.", ["consumer", "type", "outcome"])
RETRIES = Counter("tandem_consumer_retries", "Attempts that failed for a passing reason.", ["consumer", "reason"])
MALFORMED = Counter("tandem_consumer_malformed_records", "Records that are no Tandem events.", ["consumer", "topic"])
WAITING = Gauge("tandem_consumer_waiting_events", "Events that wait to be tried again.", ["consumer", "reason"])
BATCH = Histogram(
    "tandem_consumer_transaction_events",
    "Events taken into one transaction.",
    ["consumer"],
    buckets=(1, 2, 5, 10, 25, 50, 100, 250),
)
IN_FLIGHT = Gauge("tandem_consumer_in_flight_events", "Events taken from Kafka and not yet committed.", ["consumer"])
EVENT_AGE = Histogram(
    "tandem_consumer_event_age_seconds",
    "Age of an event when its effect commits.",
    ["consumer", "type"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
ASSIGNED = Gauge("tandem_consumer_assigned_partitions", "Partitions that this process reads.", ["consumer"])
TOPIC_PARTITIONS = Gauge("tandem_consumer_topic_partitions", "Partitions that the group has to read.", ["consumer"])
REBALANCES = Counter("tandem_consumer_rebalances", "Times the group gave partitions to this process.", ["consumer"])
LAG_EVENTS = Gauge("tandem_consumer_lag_events", "Events published and not finished, at least.", ["consumer"])
LAG_SECONDS = Gauge("tandem_consumer_lag_seconds", "Age of the oldest event taken and not finished.", ["consumer"])
STALLED = Gauge("tandem_consumer_stalled_seconds", "Time without an event finished while some wait.", ["consumer"])


def begin(consumer: str) -> None:
    """Let everything that can be told of the consumer begin with 0."""
    from_zero(RETRIES, {"consumer": (consumer,), "reason": ("database", "unavailable", "guard")})
    from_zero(WAITING, {"consumer": (consumer,), "reason": ("database", "unavailable", "guard")})
    for metric in (REBALANCES, ASSIGNED, TOPIC_PARTITIONS, LAG_EVENTS, LAG_SECONDS, STALLED):
        from_zero(metric, {"consumer": (consumer,)})
