"""Kafka, as its clients feel it. The brokers' own figures are their exporter's and have dashboards of their own."""

from observability.dashboards.model import Dashboard, Panel, Query, Row, gauge, per_minute, quantile, rate

KAFKA = Dashboard(
    name="kafka",
    title="Kafka",
    description="The brokers as their clients feel them: how long they take, how far consumers are behind.",
    services="worker-.+|api",
    rows=(
        Row(
            "Consumer groups",
            (
                Panel(
                    title="Events behind",
                    description="Published and not finished, by consumer: of the partitions that somebody has.",
                    unit="short",
                    warn=1000,
                    runbook="TandemConsumerStuck",
                    queries=(Query(gauge("sum", "tandem_consumer_lag_events", by="consumer"), "{{consumer}}"),),
                ),
                Panel(
                    title="Seconds behind",
                    description="Age of the oldest event that a consumer has taken and not finished.",
                    unit="s",
                    warn=5,
                    bad=30,
                    runbook="TandemConsumerStuck",
                    queries=(Query(gauge("max", "tandem_consumer_lag_seconds", by="consumer"), "{{consumer}}"),),
                ),
                Panel(
                    title="Partitions assigned",
                    description="By consumer and replica. All together they have every partition of their topics.",
                    unit="short",
                    stacked=True,
                    runbook="TandemConsumerAbsent",
                    queries=(
                        Query(
                            gauge("sum", "tandem_consumer_assigned_partitions", by="consumer, instance"),
                            "{{consumer}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Rebalances",
                    description="Times an hour that a group gave its partitions out anew. One for each start is fine.",
                    unit="none",
                    queries=(
                        Query(f"3600 * {rate('tandem_consumer_rebalances_total', by='consumer')}", "{{consumer}}"),
                    ),
                ),
            ),
        ),
        Row(
            "Brokers",
            (
                Panel(
                    title="Time to publish",
                    description="From an event's statement to the acknowledgement of all replicas in sync, 99 of 100.",
                    unit="s",
                    warn=1,
                    bad=10,
                    runbook="TandemOutboxStalled",
                    queries=(Query(quantile(0.99, "tandem_relay_publish_delay_seconds"), "99 %"),),
                ),
                Panel(
                    title="Faults of the broker",
                    description="Times a minute that the relay began anew because of it.",
                    unit="opm",
                    warn=1,
                    runbook="TandemOutboxStalled",
                    queries=(
                        Query(
                            per_minute("tandem_relay_failures_total", by="reason", where='reason=~"broker|refusal"'),
                            "{{reason}}",
                        ),
                    ),
                ),
                Panel(
                    title="Silence of the brokers for the API",
                    description="Time since they answered for every partition of the feed.",
                    unit="s",
                    warn=10,
                    bad=60,
                    runbook="TandemApiCacheStale",
                    queries=(Query(gauge("max", "tandem_api_feed_silence_seconds", by="instance"), "{{instance}}"),),
                ),
                Panel(
                    title="Events that the API has seen",
                    description="A second, by type; each process of the API sees all.",
                    unit="ops",
                    queries=(Query(rate("tandem_api_feed_events_applied_total", by="type"), "{{type}}"),),
                ),
            ),
        ),
    ),
)
