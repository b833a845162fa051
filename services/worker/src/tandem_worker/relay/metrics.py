from prometheus_client import Counter, Gauge

PUBLISHED = Counter("tandem_relay_published_events", "Events the broker has acknowledged.", ["topic"])
FAILURES = Counter("tandem_relay_failures", "Rounds that ended in an error and start anew.", ["reason"])
OWNED_SHARDS = Gauge("tandem_relay_owned_shards", "Of 64; 0 means standing by for another replica.")
PARKED = Gauge("tandem_relay_parked_aggregates", "Aggregates held back because one of their events cannot be sent.")
BACKLOG = Gauge("tandem_outbox_backlog_events", "Events waiting in the outbox; counted up to 10,000.")
OLDEST_AGE = Gauge("tandem_outbox_oldest_event_age_seconds", "Age of the oldest event in the outbox; 0 when empty.")
