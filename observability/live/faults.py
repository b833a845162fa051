"""Every fault, and the alerts that have to tell of it."""

from collections.abc import Mapping

from observability.live.event_faults import (
    event_unsendable,
    kafka_away,
    old_letters,
    orders_late,
    poison,
    shard_held,
    stock_locked,
    stranger_in_the_group,
)
from observability.live.order_faults import (
    mail_server_away,
    partner_away,
    payment_contradicts_itself,
    provider_away,
    stock_tampered_with,
)
from observability.live.process_faults import (
    flood,
    key_ends,
    limits_away,
    loop_blocked,
    probe_gone,
    process_gone,
    process_restarting,
    relay_hangs,
    schema_behind,
)
from observability.live.theatre import Fault


def _page(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, "page") for name in names)


def _ticket(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, "ticket") for name in names)


FAULTS = (
    Fault("stock is tampered with", stock_tampered_with, _page("TandemStockLedgerMismatch")),
    Fault("an event cannot be sent", event_unsendable, _ticket("TandemAggregateParked")),
    Fault("a shard is held by a stranger", shard_held, _page("TandemRelayShardsUnowned")),
    Fault("a stranger joins the group", stranger_in_the_group, _page("TandemConsumerAbsent")),
    Fault("Kafka is away", kafka_away, _page("TandemOutboxStalled", "TandemApiCacheStale")),
    Fault(
        "a transaction locks the stock",
        stock_locked,
        _page("TandemConsumerStuck", "TandemOrderCompletion")
        + _ticket("TandemConsumerBehind", "TandemLongTransaction"),
    ),
    Fault("orders take effect late", orders_late, _page("TandemEventAge")),
    Fault("the payment provider is away", provider_away, _page("TandemPaymentProviderFailing")),
    Fault("a payment contradicts itself", payment_contradicts_itself, _ticket("TandemPaymentUnsettled")),
    Fault("a release states nonsense", poison, _page("TandemDeadLettersGrowing", "TandemConsumerHeld")),
    Fault("a dead letter is forgotten", old_letters, _ticket("TandemDeadLettersOld")),
    Fault("the mail server is away", mail_server_away, _ticket("TandemMailStalled")),
    Fault("a partner's server is away", partner_away, _ticket("TandemWebhooksStalled")),
    Fault("the store of the rate limits is away", limits_away, _ticket("TandemRateLimitsOff")),
    Fault("a process is gone", process_gone, _page("TandemProcessAbsent") + _ticket("TandemTargetDown")),
    Fault("a process dies again and again", process_restarting, _ticket("TandemProcessRestarting")),
    Fault("the relay hangs", relay_hangs, _page("TandemProbeFailed")),
    Fault("the probe is gone", probe_gone, _ticket("TandemProbeFailed")),
    Fault("a release begins before its schema", schema_behind, _page("TandemMigrationFailed")),
    Fault(
        "the signing key is old and ends",
        key_ends,
        _page("TandemSigningKeyOld") + _ticket("TandemSigningKeyOld"),
    ),
    Fault("an event loop is blocked", loop_blocked, _ticket("TandemEventLoopBlocked")),
    Fault(
        "the database answers nobody, and many ask",
        flood,
        _page("TandemApiAvailability", "TandemApiLatency") + _ticket("TandemApiShedsLoad", "TandemPoolExhausted"),
    ),
)
# Which no fault of one machine fires, and why not. promtool tests them.
NOT_PLAYED: Mapping[tuple[str, str], str] = {
    **{
        (name, "ticket"): "looks back for hours"
        for name in ("TandemApiAvailability", "TandemApiLatency", "TandemEventAge", "TandemOrderCompletion")
    },
    ("TandemMigrationFailed", "ticket"): "of a cluster: kube-state-metrics tells of its Jobs",
    **{
        ("TandemDiskFilling", severity): "of a cluster: the kubelet tells of its volumes"
        for severity in ("page", "ticket")
    },
    ("TandemTelemetryLost", "ticket"): "of a cluster: nobody here has a collector; `make collector-check` loses spans",
    **{("TandemCertificateEnds", severity): "without TLS there are none here" for severity in ("page", "ticket")},
}
