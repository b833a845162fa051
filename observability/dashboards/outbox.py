"""What is stated and not yet published; what was published and could not be applied."""

from observability import jobs
from observability.dashboards.model import (
    BAD,
    CALM,
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

RELAY = f'job=~"{jobs.RELAY}"'

OUTBOX_ROW = Row(
    "Outbox and relay",
    (
        Panel(
            title="Oldest event not published",
            description="Seconds. While it rises, nothing that happens reaches anybody.",
            unit="s",
            warn=10,
            bad=60,
            runbook="TandemOutboxStalled",
            queries=(Query(gauge("max", "tandem_outbox_oldest_event_age_seconds"), "oldest"),),
        ),
        Panel(
            title="Events not published",
            description="Counted up to 10,000.",
            unit="short",
            warn=1000,
            bad=10000,
            runbook="TandemOutboxStalled",
            queries=(Query(gauge("max", "tandem_outbox_backlog_events"), "waiting"),),
        ),
        Panel(
            title="Events published",
            description="Acknowledged by the broker, a second, by topic.",
            unit="ops",
            stacked=True,
            queries=(Query(rate("tandem_relay_published_events_total", by="topic"), "{{topic}}"),),
        ),
        Panel(
            title="From an event's statement to the broker's yes",
            description="The relay's share of an event's age.",
            unit="s",
            warn=1,
            bad=10,
            queries=quantiles("tandem_relay_publish_delay_seconds"),
        ),
        Panel(
            title="Shards owned",
            description="Of 64, by replica. Together they have to own all; one with 0 stands by.",
            unit="short",
            stacked=True,
            runbook="TandemRelayShardsUnowned",
            queries=(Query(gauge("sum", "tandem_relay_owned_shards", by="instance", where=RELAY), "{{instance}}"),),
        ),
        Panel(
            title="The relay's faults",
            description="After each it starts anew and reads again, a minute; and events that became visible late.",
            unit="opm",
            colours={"database": WARN, "broker": WARN, "refusal": BAD, "late events": CALM},
            runbook="TandemOutboxStalled",
            queries=(
                Query(per_minute("tandem_relay_failures_total", by="reason"), "{{reason}}"),
                Query(per_minute("tandem_relay_late_events_total"), "late events"),
            ),
        ),
        Panel(
            title="Parked aggregates",
            description="An event of each can never be sent; what comes after it waits. All others go on.",
            unit="short",
            bad=1,
            runbook="TandemAggregateParked",
            queries=(Query(gauge("sum", "tandem_relay_parked_aggregates"), "parked"),),
        ),
        Panel(
            title="Events in one record batch",
            description="Half of the batches have fewer.",
            unit="short",
            queries=(Query(quantile(0.5, "tandem_relay_batch_events"), "events"),),
        ),
    ),
)

LETTERS = Row(
    "Dead letters",
    (
        Panel(
            title="Dead letters that are not settled",
            description="Dead: waits for a person. Queued: waits for one before it. Every replica shows all.",
            unit="short",
            stacked=True,
            warn=1,
            bad=20,
            runbook="TandemDeadLettersGrowing",
            page="/admin/events/deadletter/",
            queries=(
                Query(
                    gauge("max", "tandem_consumer_dead_letters", by="consumer, state, reason"),
                    "{{consumer}}: {{state}}, {{reason}}",
                ),
            ),
        ),
        Panel(
            title="Oldest dead letter",
            description="For so long somebody has been waiting for a decision.",
            unit="s",
            warn=3600,
            bad=86400,
            runbook="TandemDeadLettersOld",
            page="/admin/events/deadletter/",
            queries=(
                Query(gauge("max", "tandem_consumer_oldest_dead_letter_age_seconds", by="consumer"), "{{consumer}}"),
            ),
        ),
        Panel(
            title="Decisions carried out",
            description="Replays and discards a minute, by what became of them.",
            unit="opm",
            queries=(
                Query(
                    per_minute("tandem_consumer_decisions_total", by="action, outcome"),
                    "{{action}}: {{outcome}}",
                ),
            ),
        ),
        Panel(
            title="Records that are no events",
            description="Somebody else wrote to our topics: a minute, by topic, for consumers and the API.",
            unit="opm",
            bad=1,
            queries=(
                Query(
                    per_minute("tandem_consumer_malformed_records_total", by="consumer, topic"),
                    "{{consumer}} {{topic}}",
                ),
                Query(per_minute("tandem_api_feed_malformed_records_total", by="topic"), "api {{topic}}"),
            ),
        ),
        Panel(
            title="Held by the guard",
            description="Too many events died lately: the others are held in Kafka until a good release comes.",
            unit="short",
            bad=1,
            runbook="TandemConsumerHeld",
            queries=(
                Query(
                    gauge("sum", "tandem_consumer_waiting_events", by="consumer", where='reason="guard"'),
                    "{{consumer}}",
                ),
            ),
        ),
    ),
)

OUTBOX = Dashboard(
    name="outbox",
    title="Outbox and dead letters",
    description="What is stated and not yet published; what was published and could not be applied.",
    services="worker-.+|api",
    rows=(OUTBOX_ROW, LETTERS),
)
