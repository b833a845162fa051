"""Is anybody hurt, since when, where: the one page to open first."""

from observability.dashboards.foundations import FOUNDATIONS
from observability.dashboards.model import BAD, CALM, FAINT, GOOD, WARN, Dashboard, Panel, Query, Row

STATE_COLOURS = {
    "placed": FAINT,
    "reserved": CALM,
    "paid": GOOD,
    "shipped": GOOD,
    "delivered": GOOD,
    "rejected": WARN,
    "cancelled": FAINT,
    "refunded": WARN,
}

NOW = Row(
    "Is anybody hurt now?",
    (
        Panel(
            title="Alerts that call a person",
            description="Firing alerts of severity page. Each has a runbook; 0 is what you want to see.",
            unit="short",
            kind="stat",
            width=4,
            bad=1,
            queries=(Query('count(ALERTS{alertname=~"Tandem.+", alertstate="firing", severity="page"}) or vector(0)'),),
        ),
        Panel(
            title="Last test order",
            description="Time since an order of the probe went through: it orders every minute, as a customer does.",
            unit="s",
            kind="stat",
            width=4,
            warn=120,
            bad=300,
            runbook="TandemProbeFailed",
            queries=(Query("max(tandem_probe_success_age_seconds)"),),
        ),
        Panel(
            title="Customers' requests that fail",
            description="Share of the API's answers that are ours to answer for (5xx), over five minutes.",
            unit="percentunit",
            kind="stat",
            width=4,
            decimals=2,
            warn=0.001,
            bad=0.0144,
            runbook="TandemApiAvailability",
            queries=(
                Query(
                    'tandem:slo_bad:rate5m{slo="api-availability"} / tandem:slo_all:rate5m{slo="api-availability"}',
                ),
            ),
        ),
        Panel(
            title="Orders not decided in time",
            description="Share of placed orders that were not paid, rejected or cancelled within 30 seconds, over an"
            " hour. An order that waits is a customer who waits.",
            unit="percentunit",
            kind="stat",
            width=4,
            decimals=2,
            warn=0.01,
            bad=0.144,
            runbook="TandemOrderCompletion",
            page="/admin/orders/order/?state__exact=placed",
            queries=(
                Query(
                    'tandem:slo_bad:rate1h{slo="order-completion"} / tandem:slo_all:rate1h{slo="order-completion"}',
                ),
            ),
        ),
        Panel(
            title="Oldest event not published",
            description="Age of the oldest row of the outbox. While it rises, nothing that happens reaches anybody.",
            unit="s",
            kind="stat",
            width=4,
            warn=10,
            bad=60,
            runbook="TandemOutboxStalled",
            queries=(Query("max(tandem_outbox_oldest_event_age_seconds)"),),
        ),
        Panel(
            title="Dead letters",
            description="Events that no repetition can apply, and those that queue behind them. A person decides.",
            unit="short",
            kind="stat",
            width=4,
            warn=1,
            bad=20,
            runbook="TandemDeadLettersOld",
            page="/admin/events/deadletter/",
            queries=(Query("sum(max by (consumer, state, reason) (tandem_consumer_dead_letters))"),),
        ),
    ),
)

PROMISES = Row(
    "What we promised, and what is left of it",
    (
        Panel(
            title="Error budget left",
            description="What is left of the errors that 30 days may have, by promise. Below 0 the promise is broken.",
            unit="percentunit",
            kind="stat",
            width=12,
            decimals=1,
            warn=0.5,
            bad=0.0,
            low_is_bad=True,
            queries=(Query("tandem:slo_budget:left30d", "{{slo}}"),),
        ),
        Panel(
            title="How fast it burns",
            description="Errors as a multiple of what the budget allows, over an hour. 1 uses it up in 30 days, 14.4 in"
            " two days: then somebody is called.",
            unit="none",
            kind="timeseries",
            width=12,
            warn=6,
            bad=14.4,
            queries=(Query("tandem:slo_burn:rate1h", "{{slo}}"),),
        ),
    ),
)

ORDERS = Row(
    "Orders",
    (
        Panel(
            title="The funnel",
            description="Orders that entered each state, a minute. What is placed has to be paid or rejected.",
            unit="opm",
            width=8,
            colours=STATE_COLOURS,
            page="/admin/orders/order/",
            queries=(
                Query("60 * sum(rate(tandem_api_orders_placed_total[$__rate_interval]))", "placed"),
                Query("60 * sum by (state) (rate(tandem_order_transitions_total[$__rate_interval]))", "{{state}}"),
            ),
        ),
        Panel(
            title="Time from placement to a state",
            description="What 95 of 100 orders stayed below. Paid is what the customer waits for.",
            unit="s",
            width=8,
            colours=STATE_COLOURS,
            queries=(
                Query(
                    "histogram_quantile(0.95, sum by (le, state) (rate(tandem_order_time_to_state_seconds_bucket"
                    '{state=~"reserved|paid|rejected"}[$__rate_interval])))',
                    "{{state}}",
                ),
            ),
        ),
        Panel(
            title="Age of events when they take effect",
            description="From an event's transaction to its effect, 99 of 100, by consumer.",
            unit="s",
            width=8,
            warn=5,
            bad=30,
            runbook="TandemEventAge",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le, consumer)"
                    " (rate(tandem_consumer_event_age_seconds_bucket[$__rate_interval])))",
                    "{{consumer}}",
                ),
            ),
        ),
        Panel(
            title="Payments",
            description="Answers of the payment provider, a minute. Unknown ones are asked about again until they are"
            " known.",
            unit="opm",
            width=8,
            runbook="TandemPaymentProviderFailing",
            colours={"captured": GOOD, "refunded": CALM, "declined": WARN, "unknown": BAD},
            queries=(
                Query("60 * sum by (outcome) (rate(tandem_payment_outcomes_total[$__rate_interval]))", "{{outcome}}"),
            ),
        ),
        Panel(
            title="Mails and webhooks that wait",
            description="What customers and partners have not been told yet.",
            unit="short",
            width=8,
            runbook="TandemMailStalled",
            queries=(
                Query("max(tandem_mail_pending_mails)", "mails"),
                Query("max(tandem_webhook_pending_deliveries)", "webhooks"),
            ),
        ),
        Panel(
            title="Processes",
            description="Processes that Prometheus can read, by service. One that is missing has an alert of its own.",
            unit="short",
            width=8,
            runbook="TandemProcessAbsent",
            queries=(Query("count by (service) (tandem_build_info)", "{{service}}"),),
        ),
    ),
)

OVERVIEW = Dashboard(
    name="overview",
    title="Overview",
    description="Is anybody hurt, since when, and where? Begin here.",
    rows=(NOW, PROMISES, ORDERS, FOUNDATIONS),
)
