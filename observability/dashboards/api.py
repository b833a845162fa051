"""The public API: what customers and partners get."""

from observability import jobs
from observability.dashboards.model import (
    BAD,
    CALM,
    FAINT,
    GOOD,
    WARN,
    Dashboard,
    Panel,
    Query,
    Row,
    gauge,
    per_minute,
    quantile,
    quantiles,
    rate,
)
from observability.dashboards.processes import process_row

HTTP = "tandem_http_server_request_duration_seconds"
HERE = f'job=~"{jobs.API}"'
STATUS_COLOURS = {"2xx": GOOD, "3xx": FAINT, "4xx": WARN, "5xx": BAD}


def by_class(job: str) -> str:
    """Requests a second by the first digit of their status."""
    counted = f"sum by (status) (rate({HTTP}_count{{$scope, {job}}}[$__rate_interval]))"
    return f'sum by (class) (label_replace({counted}, "class", "${{1}}xx", "status", "(.).."))'


REQUESTS = Row(
    "Requests",
    (
        Panel(
            title="Requests by status",
            description="Answers a second. 4xx is the client's doing, 5xx is ours.",
            unit="reqps",
            stacked=True,
            colours=STATUS_COLOURS,
            runbook="TandemApiAvailability",
            queries=(Query(by_class(HERE), "{{class}}"),),
        ),
        Panel(
            title="Time to answer",
            description="From a request's arrival to the end of its answer; of an event stream, to its beginning. The"
            " dots are single requests: each leads to its trace.",
            unit="s",
            warn=0.25,
            bad=1,
            runbook="TandemApiLatency",
            queries=quantiles(HTTP, where=HERE),
        ),
        Panel(
            title="Slowest routes",
            description="The time that 95 of 100 requests of a route stayed below, of the ten slowest.",
            unit="s",
            warn=0.25,
            bad=1,
            queries=(
                Query(f"topk(10, {quantile(0.95, HTTP, by='method, route', where=HERE)})", "{{method}} {{route}}"),
            ),
        ),
        Panel(
            title="Failing routes",
            description="Answers with 5xx a second, by route.",
            unit="reqps",
            runbook="TandemApiAvailability",
            queries=(
                Query(
                    rate(f"{HTTP}_count", by="method, route", where=f'{HERE}, status=~"5.."'), "{{method}} {{route}}"
                ),
            ),
        ),
        Panel(
            title="In progress, and turned away",
            description="Requests being answered, event streams that are open, and those refused with 503 at once"
            " because too many waited already.",
            unit="short",
            runbook="TandemApiShedsLoad",
            queries=(
                Query(gauge("sum", "tandem_api_requests_in_progress"), "in progress"),
                Query(gauge("sum", "tandem_api_event_streams_open"), "event streams"),
                Query(rate("tandem_api_requests_shed_total", by="for"), "turned away a second: {{for}}"),
            ),
        ),
        Panel(
            title="Rate limits",
            description="Requests beyond their client's quota, by class of route; and times the store of the limits was"
            " away, during which nobody is limited.",
            unit="reqps",
            queries=(
                Query(rate("tandem_api_rate_limited_total", by="class"), "limited: {{class}}"),
                Query(rate("tandem_api_rate_limit_store_failures_total"), "store away"),
            ),
        ),
    ),
)

ORDERS = Row(
    "Orders and the catalogue",
    (
        Panel(
            title="Orders",
            description="Orders committed a minute, and requests that were repeated and given their first answer.",
            unit="opm",
            colours={"placed": GOOD, "repeated": CALM},
            queries=(
                Query(per_minute("tandem_api_orders_placed_total"), "placed"),
                Query(per_minute("tandem_api_idempotent_replays_total"), "repeated"),
            ),
        ),
        Panel(
            title="Age of events in the API",
            description="From an event's transaction to when this API shows it, 99 of 100.",
            unit="s",
            warn=5,
            bad=30,
            runbook="TandemApiCacheStale",
            queries=(Query(quantile(0.99, "tandem_api_feed_event_age_seconds", by="topic"), "{{topic}}"),),
        ),
        Panel(
            title="How stale the cache may be",
            description="Silence: time since the brokers answered for every partition. While they do, the cache is"
            " current however old it is.",
            unit="s",
            warn=10,
            bad=60,
            runbook="TandemApiCacheStale",
            queries=(Query(gauge("max", "tandem_api_feed_silence_seconds", by="instance"), "{{instance}}"),),
        ),
        Panel(
            title="The cache",
            description="What is in it, by process: they should agree.",
            unit="short",
            queries=(
                Query(gauge("max", "tandem_api_catalogue_products", by="instance"), "products {{instance}}"),
                Query(gauge("max", "tandem_api_refused_customers", by="instance"), "refused customers {{instance}}"),
            ),
        ),
        Panel(
            title="Renewals of the whole cache",
            description="Loads from the database: at the start, and when events may have been missed. Failed ones are"
            " made again.",
            unit="opm",
            colours={"loaded": GOOD, "failed": BAD},
            runbook="TandemApiCacheStale",
            queries=(Query(per_minute("tandem_api_feed_reloads_total", by="result"), "{{result}}"),),
        ),
        Panel(
            title="Catalogue answers and searches",
            description="Answers given again from memory, and searches by whether they found anything.",
            unit="reqps",
            queries=(
                Query(rate("tandem_api_remembered_answers_total"), "from memory"),
                Query(rate("tandem_api_searches_total", by="result"), "search: {{result}}"),
            ),
        ),
    ),
)

API = Dashboard(
    name="api",
    title="API",
    description="The public API: what customers and partners get, how fast, and what it knows.",
    services="api",
    rows=(REQUESTS, ORDERS, process_row(jobs.API)),
)
