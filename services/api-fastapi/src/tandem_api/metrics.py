"""Declared in observability/metrics.yaml."""

from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import from_zero

EVENTS_APPLIED = Counter("tandem_api_feed_events_applied", "Events that the feed has acted on, by type.", ["type"])
EVENT_AGE = Histogram(
    "tandem_api_feed_event_age_seconds",
    "Time from an event's transaction to its effect in this process.",
    ["topic"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
)
MALFORMED_RECORDS = Counter("tandem_api_feed_malformed_records", "Records that are none of our events.", ["topic"])
RELOADS = Counter("tandem_api_feed_reloads", "Renewals of the whole cache from the database, by result.", ["result"])
FEED_SILENCE = Gauge(
    "tandem_api_feed_silence_seconds", "Time since a broker last answered for every partition of the feed."
)
CACHE_AGE = Gauge("tandem_api_cache_age_seconds", "Time since the whole cache was last read from the database.")
CATALOGUE_PRODUCTS = Gauge("tandem_api_catalogue_products", "Published products in the cache.")
REFUSED_CUSTOMERS = Gauge("tandem_api_refused_customers", "Deactivated customers in the cache.")
SEARCHES = Counter("tandem_api_searches", "Searches for products, by result.", ["result"])
REMEMBERED_ANSWERS = Counter(
    "tandem_api_remembered_answers", "Answers about the catalogue that were given before, and given again from memory."
)
OPEN_EVENT_STREAMS = Gauge("tandem_api_event_streams_open", "Server-sent event streams being served.")
REFUSED_EVENT_STREAMS = Counter(
    "tandem_api_event_streams_refused", "Event streams that were one too many, by the limit they met.", ["limit"]
)
REQUESTS_IN_PROGRESS = Gauge("tandem_api_requests_in_progress", "Requests being answered, event streams not counted.")
REQUESTS_SHED = Counter(
    "tandem_api_requests_shed", "Requests refused at once because others wait already, by what they wait for.", ["for"]
)
RATE_LIMITED = Counter("tandem_api_rate_limited", "Requests beyond their client's quota, by class of route.", ["class"])
RATE_LIMIT_STORE_FAILURES = Counter(
    "tandem_api_rate_limit_store_failures",
    "Times the shared store did not count a request, so that nobody was limited.",
)
ORDERS_PLACED = Counter("tandem_api_orders_placed", "Orders that were committed.")
IDEMPOTENT_REPLAYS = Counter("tandem_api_idempotent_replays", "Requests answered with the stored answer of the first.")

from_zero(RELOADS, {"result": ("loaded", "failed")})
from_zero(SEARCHES, {"result": ("found", "nothing")})
from_zero(REFUSED_EVENT_STREAMS, {"limit": ("customer", "process")})
from_zero(REQUESTS_SHED, {"for": ("process", "database")})
from_zero(RATE_LIMITED, {"class": ("catalogue", "reads", "writes", "streams")})
