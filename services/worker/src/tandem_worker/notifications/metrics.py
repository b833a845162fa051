from prometheus_client import Counter, Gauge, Histogram
from tandem_runtime.metrics import LATENCY_BUCKETS

OUTCOMES = Counter("tandem_mail_outcomes", "Attempts to send a mail, by what came of them.", ["kind", "outcome"])
DELAY = Histogram(
    "tandem_mail_delay_seconds",
    "Time from the event to the mail server's yes.",
    ["kind"],
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14400, 86400),
)
DURATION = Histogram(
    "tandem_mail_send_duration_seconds",
    "Time the mail server took for a mail, time-outs included.",
    buckets=LATENCY_BUCKETS,
)
AWAY = Counter("tandem_mail_server_failures", "Times the mail server could not be reached, or let nobody in.")
PENDING = Gauge("tandem_mail_pending_mails", "Mails that wait to be sent.")
OLDEST = Gauge("tandem_mail_oldest_pending_age_seconds", "Age of the oldest mail that waits to be sent.")
