"""The worker's consumers: the order process, mails, webhooks."""

from observability import jobs
from observability.dashboards.model import (
    BAD,
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
from observability.dashboards.probe import PROBE
from observability.dashboards.processes import process_row

CONSUMERS = Row(
    "Consumers",
    (
        Panel(
            title="Events by what became of them",
            description="Events a second. Duplicates are the price of at least once, and harmless; dead and queued ones"
            " wait for a person.",
            unit="ops",
            runbook="TandemDeadLettersGrowing",
            queries=(Query(rate("tandem_consumer_events_total", by="consumer, outcome"), "{{consumer}}: {{outcome}}"),),
        ),
        Panel(
            title="Age of an event when its effect commits",
            description="99 of 100, by consumer: the lag that matters, measured where it hurts.",
            unit="s",
            warn=5,
            bad=30,
            runbook="TandemEventAge",
            queries=(Query(quantile(0.99, "tandem_consumer_event_age_seconds", by="consumer"), "{{consumer}}"),),
        ),
        Panel(
            title="Time without progress",
            description="Time since a consumer last finished an event while others wait for it; 0 when none waits.",
            unit="s",
            warn=30,
            bad=120,
            runbook="TandemConsumerStuck",
            queries=(
                Query(
                    gauge("max", "tandem_consumer_stalled_seconds", by="consumer, instance"),
                    "{{consumer}} {{instance}}",
                ),
            ),
        ),
        Panel(
            title="In hand",
            description="Events taken from Kafka whose offsets are not committed; of them those that wait to be tried"
            " again, by reason. A partition stops fetching when it has too many.",
            unit="short",
            queries=(
                Query(gauge("sum", "tandem_consumer_in_flight_events", by="consumer"), "{{consumer}}"),
                Query(
                    gauge("sum", "tandem_consumer_waiting_events", by="consumer, reason"),
                    "{{consumer}} waits: {{reason}}",
                ),
            ),
        ),
        Panel(
            title="Attempts that are made again",
            description="Passing faults a second, by what was away. They cost time, and nothing else.",
            unit="ops",
            warn=1,
            queries=(Query(rate("tandem_consumer_retries_total", by="consumer, reason"), "{{consumer}}: {{reason}}"),),
        ),
        Panel(
            title="Events in one transaction",
            description="Half of the transactions take fewer. One means that there is little load.",
            unit="short",
            queries=(Query(quantile(0.5, "tandem_consumer_transaction_events", by="consumer"), "{{consumer}}"),),
        ),
    ),
)

PAYMENTS = Row(
    "Orders and payments",
    (
        Panel(
            title="Requests of people that were refused",
            description="Cancellations, shipments, refunds that the order's state did not allow, a minute.",
            unit="opm",
            queries=(Query(per_minute("tandem_order_requests_refused_total", by="request"), "{{request}}"),),
        ),
        Panel(
            title="The payment provider's answers",
            description="A minute, by operation. Unknown: no answer, or none that makes sense; it is asked again.",
            unit="opm",
            runbook="TandemPaymentProviderFailing",
            queries=(
                Query(
                    per_minute("tandem_payment_outcomes_total", by="operation, outcome"),
                    "{{operation}}: {{outcome}}",
                ),
            ),
        ),
        Panel(
            title="The payment provider's time to answer",
            description="Time-outs included. The dots lead to traces.",
            unit="s",
            warn=1,
            bad=5,
            runbook="TandemPaymentProviderFailing",
            queries=(
                Query(quantile(0.95, "tandem_payment_request_duration_seconds", by="operation"), "{{operation}}"),
            ),
        ),
    ),
)

MAILS = Row(
    "Mails",
    (
        Panel(
            title="Mails by what became of them",
            description="A minute. Put off: tried again later. Failed: the address takes none. Skipped: too old, or"
            " nobody is to get it.",
            unit="opm",
            colours={"sent": GOOD, "put_off": WARN, "failed": BAD, "skipped": FAINT},
            queries=(Query(per_minute("tandem_mail_outcomes_total", by="outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Oldest mail that waits",
            description="Age of the oldest mail that is not sent: customers have not heard of what happened since.",
            unit="s",
            warn=300,
            bad=900,
            runbook="TandemMailStalled",
            page="/admin/notifications/notification/",
            queries=(Query(gauge("max", "tandem_mail_oldest_pending_age_seconds"), "oldest"),),
        ),
        Panel(
            title="From the event to the mail server's yes",
            description="What customers wait for their mail, by kind, 95 of 100; and what of it the server took.",
            unit="s",
            queries=(
                Query(quantile(0.95, "tandem_mail_delay_seconds", by="kind"), "{{kind}}"),
                Query(quantile(0.95, "tandem_mail_send_duration_seconds"), "the server alone"),
            ),
        ),
    ),
)

WEBHOOKS = Row(
    "Webhooks",
    (
        Panel(
            title="Messages by what came back",
            description="Attempts a minute. What partners refuse is tried again for a day.",
            unit="opm",
            colours={"success": GOOD, "3xx": WARN, "4xx": WARN, "5xx": BAD, "error": BAD},
            queries=(Query(per_minute("tandem_webhook_attempts_total", by="outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Oldest delivery that waits",
            description="Of enabled endpoints. One partner whose server is away raises it alone.",
            unit="s",
            warn=300,
            bad=3600,
            runbook="TandemWebhooksStalled",
            page="/admin/webhooks/endpoint/",
            queries=(Query(gauge("max", "tandem_webhook_oldest_pending_age_seconds"), "oldest"),),
        ),
        Panel(
            title="From an event to the partner's yes",
            description="Pauses between attempts included.",
            unit="s",
            queries=quantiles("tandem_webhook_delivery_age_seconds"),
        ),
        Panel(
            title="Time that partners take",
            description="One attempt, time-outs included.",
            unit="s",
            queries=quantiles("tandem_webhook_attempt_duration_seconds"),
        ),
        Panel(
            title="Endpoints",
            description="By state. The worker disables one that answered nothing for a day, or 410.",
            unit="short",
            colours={"enabled": GOOD, "disabled": FAINT},
            page="/admin/webhooks/endpoint/",
            queries=(Query(gauge("max", "tandem_webhook_endpoints", by="state"), "{{state}}"),),
        ),
        Panel(
            title="Deliveries settled",
            description="A minute: accepted, or given up after a day.",
            unit="opm",
            colours={"delivered": GOOD, "given_up": BAD},
            queries=(Query(per_minute("tandem_webhook_deliveries_settled_total", by="outcome"), "{{outcome}}"),),
        ),
    ),
)

WORKER = Dashboard(
    name="worker",
    title="Worker and consumers",
    description="What the worker does with events: orders, payments, mails, webhooks.",
    services="worker-.+",
    rows=(CONSUMERS, PAYMENTS, MAILS, WEBHOOKS, PROBE, process_row(jobs.WORKERS)),
)
