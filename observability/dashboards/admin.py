"""The back office and the identity provider."""

from observability import jobs
from observability.dashboards.api import HTTP, STATUS_COLOURS, by_class
from observability.dashboards.model import Dashboard, Panel, Query, Row, quantile, quantiles, rate
from observability.dashboards.processes import process_row

HERE = f'job=~"{jobs.ADMIN}"'
# What applications ask for: a failure here keeps customers from logging in.
IDENTITY = f'{HERE}, route=~"/(identity|\\\\.well-known|accounts)/.*"'

ADMIN = Dashboard(
    name="admin",
    title="Admin",
    description="The back office, and the identity provider that customers and partners log in at.",
    services="admin",
    rows=(
        Row(
            "Requests",
            (
                Panel(
                    title="Requests by status",
                    description="Answers a second. 5xx is ours to answer for.",
                    unit="reqps",
                    stacked=True,
                    colours=STATUS_COLOURS,
                    queries=(Query(by_class(HERE), "{{class}}"),),
                ),
                Panel(
                    title="Time to answer",
                    description="From a request's arrival to its answer. The dots lead to traces.",
                    unit="s",
                    warn=1,
                    bad=5,
                    queries=quantiles(HTTP, where=HERE),
                ),
                Panel(
                    title="Slowest pages",
                    description="The time that 95 of 100 requests of a page stayed below, of the ten slowest.",
                    unit="s",
                    warn=1,
                    bad=5,
                    queries=(
                        Query(
                            f"topk(10, {quantile(0.95, HTTP, by='method, route', where=HERE)})", "{{method}} {{route}}"
                        ),
                    ),
                ),
                Panel(
                    title="Failing pages",
                    description="Answers with 5xx a second, by page.",
                    unit="reqps",
                    queries=(
                        Query(
                            rate(f"{HTTP}_count", by="method, route", where=f'{HERE}, status=~"5.."'),
                            "{{method}} {{route}}",
                        ),
                    ),
                ),
                Panel(
                    title="Logging in",
                    description="Requests of the identity provider a second, by status. While it fails nobody logs in.",
                    unit="reqps",
                    queries=(Query(rate(f"{HTTP}_count", by="status", where=IDENTITY), "{{status}}"),),
                ),
                Panel(
                    title="Time to log in",
                    description="Time the identity provider takes, 95 of 100, by page.",
                    unit="s",
                    warn=1,
                    bad=5,
                    queries=(Query(quantile(0.95, HTTP, by="route", where=IDENTITY), "{{route}}"),),
                ),
            ),
        ),
        process_row(jobs.ADMIN, event_loop=False),
    ),
)
