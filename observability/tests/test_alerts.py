"""Each alert with promtool: it fires, it does not fire, and without data it says nothing, or the right thing."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.ruleset import FOLDER, alerts, rule_files

STEP = "30s"
Series = dict[str, str]

HTTP = "tandem_http_server_request_duration_seconds"
# As the Prometheus operator names a job.
API = 'job="shop/tandem-api",instance="10.0.0.7:9000",method="GET",route="/v1/products"'
AGE = 'job="worker-orders",instance="a",consumer="tandem-orders",type="order.placed.v1"'
FILES = {alert.name: alert.file for alert in alerts()}
BUILD = ("admin", "api", "worker-relay", "worker-orders", "worker-notifications", "worker-webhooks")


@dataclass(frozen=True)
class Case:
    """Series by promtool's notation, a value each half minute; `fires` are the labels of the alerts that fire."""

    alert: str
    severity: str
    hurt: Series
    well: tuple[Series, ...]
    fires: tuple[dict[str, str], ...] = ({},)
    after: str = "20m"
    without_data: tuple[dict[str, str], ...] = field(default=())


def requests(ok: str, failed: str = "0x60") -> Series:
    return {f'{HTTP}_count{{{API},status="200"}}': ok, f'{HTTP}_count{{{API},status="500"}}': failed}


def timed(every: str, quick: str) -> Series:
    return {
        f'{HTTP}_count{{{API},status="200"}}': every,
        f'{HTTP}_bucket{{{API},status="200",le="0.25"}}': quick,
    }


def aged(every: str, young: str) -> Series:
    return {
        f"tandem_consumer_event_age_seconds_count{{{AGE}}}": every,
        f'tandem_consumer_event_age_seconds_bucket{{{AGE},le="5.0"}}': young,
    }


def orders(placed: str, paid: str, rejected: str = "0x60") -> Series:
    bucket = 'tandem_order_time_to_state_seconds_bucket{job="worker-orders",instance="a",le="30.0"'
    return {
        'tandem_api_orders_placed_total{job="api",instance="a"}': placed,
        f'{bucket},state="paid"}}': paid,
        f'{bucket},state="rejected"}}': rejected,
    }


def gauge(name: str, values: str, labels: str = "") -> Series:
    return {f'{name}{{job="worker-orders",instance="a"{"," if labels else ""}{labels}}}': values}


def letters(values: str) -> Series:
    return gauge("tandem_consumer_dead_letters", values, 'consumer="tandem-orders",state="dead",reason="poison"')


def partitions(assigned: str, others: str) -> Series:
    return {
        'tandem_consumer_assigned_partitions{job="worker-orders",instance="a",consumer="tandem-orders"}': assigned,
        'tandem_consumer_assigned_partitions{job="worker-orders",instance="b",consumer="tandem-orders"}': others,
        **gauge("tandem_consumer_topic_partitions", "12x60", 'consumer="tandem-orders"'),
    }


def payments(captured: str, unknown: str) -> Series:
    outcomes = "tandem_payment_outcomes_total"
    return {
        **gauge(outcomes, captured, 'operation="capture",outcome="captured"'),
        **gauge(outcomes, unknown, 'operation="capture",outcome="unknown"'),
    }


def builds(*services: str) -> Series:
    return {f'tandem_build_info{{job="{one}",instance="a",service="{one}",version="1"}}': "1x60" for one in services}


def lag(slow: str) -> Series:
    """Samples of a second each; `slow` are those above half a second."""
    name = "tandem_event_loop_lag_seconds_bucket"
    return {
        **gauge(name, "0+30x60", 'le="0.25"'),
        **gauge(name, "0+30x60", 'le="0.5"'),
        **gauge(name, slow, 'le="1.0"'),
        **gauge(name, slow, 'le="+Inf"'),
    }


def pool(in_use: str) -> Series:
    name = "tandem_database_pool_connections"
    return {**gauge(name, in_use, 'state="in_use"'), **gauge(name, "10x60", 'state="limit"')}


def disk(percent: str, name: str = "data-0-tandem-brokers-0") -> Series:
    """Of a hundred bytes."""
    claim = f'job="kubelet",instance="node",namespace="store",persistentvolumeclaim="{name}"'
    return {
        f"kubelet_volume_stats_available_bytes{{{claim}}}": percent,
        f"kubelet_volume_stats_capacity_bytes{{{claim}}}": "100x200",
    }


def disks(percent: str) -> Series:
    return {series: values for name in DISKS for series, values in disk(percent, name).items()}


def certificate(days: float) -> Series:
    """Ends so many days after promtool's time began, which is 1970."""
    return gauge("tandem_certificate_not_after_seconds", f"{days * 86400:.0f}x200", 'of="api"')


def job(name: str, failed: int) -> Series:
    labels = f'job="kube-state-metrics",instance="k",namespace="shop",job_name="{name}",condition="true"'
    return {f"kube_job_failed{{{labels}}}": f"{failed}x60"}


def probe_steps(failed: str) -> Series:
    return gauge("tandem_probe_steps_total", failed, 'step="login",outcome="failed"')


def lost(what: str, values: str, job: str = "otel-gateway") -> Series:
    return {f'otelcol_{what}_total{{job="{job}",instance="a"}}': values}


def collectors(*answers: str) -> Series:
    """Whether each of so many gateways answers."""
    return {f'up{{job="otel-gateway",instance="{number}"}}': values for number, values in enumerate(answers)}


PROBE = {'tandem_build_info{job="worker-probe",instance="a",service="worker-probe",version="1"}': "1x10 _x50"}
ORDERS = {"consumer": "tandem-orders"}
# As the operators of the chart operators name them.
DISKS = ("data-0-tandem-brokers-0", "data-0-tandem-controllers-0", "tandem-postgres-1")
DISK = tuple({"namespace": "store", "persistentvolumeclaim": name} for name in DISKS)
PROCESS = {"job": "worker-orders", "instance": "a"}
CASES = (
    Case(
        "TandemApiAvailability",
        "page",
        requests("0+90x60", "0+10x60"),
        (
            requests("0+90x60"),
            requests("0+100000x60", "0+10x60"),
            requests("0 0 0 0 1 1 2 2 2+0x60", "0 1 1 1 2 2 3 3 3+0x60"),  # a night: three failures of five requests
        ),
        ({"slo": "api-availability"},),
    ),
    Case(
        "TandemApiAvailability",
        "ticket",
        requests("0+1000x200", "0+4x200"),
        (requests("0+1000x200", "0+1x200"), requests("0+1x200", "0 1+0x200")),
        ({"slo": "api-availability"},),
        after="60m",
    ),
    Case(
        "TandemApiLatency",
        "page",
        timed("0+100x60", "0+70x60"),
        (timed("0+100x60", "0+98x60"), timed("0 1 2 3 4 5 5+0x60", "0x60")),
        ({"slo": "api-latency"},),
    ),
    Case(
        "TandemApiLatency",
        "ticket",
        timed("0+100x200", "0+95x200"),
        (timed("0+1000x200", "0+995x200"),),
        ({"slo": "api-latency"},),
        after="60m",
    ),
    Case(
        "TandemEventAge",
        "page",
        aged("0+100x60", "0+50x60"),
        (aged("0+100x60", "0+99.5x60"), aged("0 1 2 3 3+0x60", "0x60")),
        ({"slo": "event-age"},),
    ),
    Case(
        "TandemEventAge",
        "ticket",
        aged("0+100x200", "0+95x200"),
        (aged("0+1000x200", "0+995x200"),),
        ({"slo": "event-age"},),
        after="60m",
    ),
    Case(
        "TandemOrderCompletion",
        "page",
        orders("0+10x60", "0+5x60"),
        (orders("0+10x60", "0+8x60", "0+2x60"), orders("0x60", "0x60"), orders("0 1 2 2+0x60", "0x60")),
        ({"slo": "order-completion"},),
    ),
    Case(
        "TandemOrderCompletion",
        "ticket",
        orders("0+100x200", "0+95x200"),
        (orders("0+1000x200", "0+995x200"),),
        ({"slo": "order-completion"},),
        after="60m",
    ),
    Case(
        "TandemOutboxStalled",
        "page",
        gauge("tandem_outbox_oldest_event_age_seconds", "0+30x60"),
        (
            gauge("tandem_outbox_oldest_event_age_seconds", "2x60"),
            gauge("tandem_outbox_oldest_event_age_seconds", "0 0 70 90 0+0x60"),  # a pause, and it caught up
        ),
        after="10m",
    ),
    Case(
        "TandemRelayShardsUnowned",
        "page",
        gauge("tandem_relay_owned_shards", "64x10 40x50"),
        (
            {
                'tandem_relay_owned_shards{job="worker-relay",instance="a"}': "64x10 0x50",
                'tandem_relay_owned_shards{job="worker-relay",instance="b"}': "0x10 64x50",
            },
        ),
    ),
    Case(
        "TandemAggregateParked",
        "ticket",
        gauge("tandem_relay_parked_aggregates", "0x5 1x50"),
        (gauge("tandem_relay_parked_aggregates", "0x60"),),
    ),
    Case(
        "TandemConsumerAbsent",
        "page",
        partitions("6x60", "6x20 _x40"),
        (partitions("6x60", "6x60"), partitions("6x20 12x40", "6x20 _x40")),
        (ORDERS,),
        after="25m",
    ),
    Case(
        "TandemConsumerStuck",
        "page",
        gauge("tandem_consumer_stalled_seconds", "0+30x60", 'consumer="tandem-orders"'),
        (gauge("tandem_consumer_stalled_seconds", "0 20 0 20 0 20 0 20 0+0x50", 'consumer="tandem-orders"'),),
        (ORDERS,),
    ),
    Case(
        "TandemConsumerBehind",
        "ticket",
        gauge("tandem_consumer_lag_seconds", "0+30x60", 'consumer="tandem-orders"'),
        (gauge("tandem_consumer_lag_seconds", "60x60", 'consumer="tandem-orders"'),),
        (ORDERS,),
    ),
    Case(
        "TandemConsumerHeld",
        "page",
        gauge("tandem_consumer_waiting_events", "0x5 2x55", 'consumer="tandem-orders",reason="guard"'),
        (gauge("tandem_consumer_waiting_events", "5x60", 'consumer="tandem-orders",reason="database"'),),
        (ORDERS,),
    ),
    Case(
        "TandemDeadLettersGrowing",
        "page",
        letters("0x10 0+2x50"),
        (letters("12x60"), letters("0x20 2x40")),
        (ORDERS | {"reason": "poison"},),
    ),
    Case(
        "TandemDeadLettersOld",
        "ticket",
        gauge("tandem_consumer_oldest_dead_letter_age_seconds", "3000+60x60", 'consumer="tandem-orders"'),
        (gauge("tandem_consumer_oldest_dead_letter_age_seconds", "0x60", 'consumer="tandem-orders"'),),
        (ORDERS,),
    ),
    Case(
        "TandemPaymentProviderFailing",
        "page",
        payments("0x60", "0+1x60"),
        (
            payments("0+10x60", "0+1x60"),
            payments("0x60", "0 0 0 1 2 2+0x60"),  # two orders at night
        ),
        after="10m",
    ),
    Case(
        "TandemPaymentUnsettled",
        "ticket",
        gauge("tandem_payment_reconciliation_failures_total", "0x10 1x50"),
        (gauge("tandem_payment_reconciliation_failures_total", "3x60"),),
        after="10m",
    ),
    Case(
        "TandemStockLedgerMismatch",
        "page",
        gauge("tandem_stock_ledger_mismatches", "0x5 1x55"),
        (gauge("tandem_stock_ledger_mismatches", "0x60"),),
    ),
    Case(
        "TandemMailStalled",
        "ticket",
        gauge("tandem_mail_oldest_pending_age_seconds", "600+30x60"),
        (gauge("tandem_mail_oldest_pending_age_seconds", "30x60"),),
    ),
    Case(
        "TandemWebhooksStalled",
        "ticket",
        gauge("tandem_webhook_oldest_pending_age_seconds", "3600+30x60"),
        (gauge("tandem_webhook_oldest_pending_age_seconds", "600x60"),),
        after="25m",
    ),
    Case(
        "TandemProcessAbsent",
        "page",
        builds(*BUILD[1:]),
        (builds(*BUILD),),
        ({"service": "admin"},),
        without_data=tuple({"service": service} for service in BUILD),
    ),
    Case(
        "TandemTargetDown",
        "ticket",
        gauge("up", "1x10 0x50"),
        (gauge("up", "1x60"), {'up{job="somebody-else",instance="a"}': "0x60"}),
        (PROCESS,),
    ),
    Case(
        "TandemProcessRestarting",
        "ticket",
        gauge("process_start_time_seconds", "1 2 3 4 5 6 6+0x60"),
        (gauge("process_start_time_seconds", "1 2 3 3+0x60"),),  # two deployments
        (PROCESS,),
    ),
    Case(
        "TandemEventLoopBlocked",
        "ticket",
        lag("0+33x60"),
        (lag("0+30x60"),),
        (PROCESS,),
    ),
    Case(
        "TandemApiCacheStale",
        "page",
        gauge("tandem_api_feed_silence_seconds", "0+30x60"),
        (gauge("tandem_api_feed_silence_seconds", "0.4x60"),),
        ({"instance": "a"},),
    ),
    Case(
        "TandemApiShedsLoad",
        "ticket",
        gauge("tandem_api_requests_shed_total", "0+60x60", 'for="process"'),
        (gauge("tandem_api_requests_shed_total", "0+1x60", 'for="process"'),),
        ({"for": "process"},),
    ),
    Case("TandemPoolExhausted", "ticket", pool("10x60"), (pool("9x60"), pool("10 10 3 10 10 3+0x60")), (PROCESS,)),
    Case(
        "TandemRateLimitsOff",
        "ticket",
        gauge("tandem_api_rate_limit_store_failures_total", "0+30x60"),
        (gauge("tandem_api_rate_limit_store_failures_total", "0 0 1 1+0x60"),),
    ),
    Case(
        "TandemLongTransaction",
        "ticket",
        gauge("tandem_database_oldest_transaction_age_seconds", "0+30x60", 'kind="writing"'),
        (
            gauge("tandem_database_oldest_transaction_age_seconds", "0+30x60", 'kind="reading"'),  # a backup
        ),
        ({"kind": "writing"},),
    ),
    Case(
        "TandemProbeFailed",
        "page",
        gauge("tandem_probe_success_age_seconds", "0+30x60"),
        (gauge("tandem_probe_success_age_seconds", "0 30 60 0 30 60 90 120 150 0+0x50"),),  # an order that failed
    ),
    Case("TandemProbeFailed", "ticket", probe_steps("0+1x60"), (probe_steps("0 1 2 2+0x60"),)),
    Case(
        "TandemProbeFailed",
        "ticket",
        PROBE,
        (dict.fromkeys(PROBE, "1x60"),),
        after="25m",
    ),
    Case(
        "TandemMigrationFailed",
        "page",
        gauge("tandem_schema_missing_migrations", "2x60"),
        (gauge("tandem_schema_missing_migrations", "2x10 0x50"),),  # pods that waited for it
    ),
    Case(
        "TandemMigrationFailed",
        "ticket",
        job("shop-admin-migration-7", 1) | job("shop-admin-topics", 1) | job("admin-migration", 1),
        (job("shop-admin-migration", 0), job("nightly-report", 1), job("wiki-migration", 1)),
        tuple(
            {"namespace": "shop", "job_name": name}
            for name in ("shop-admin-migration-7", "shop-admin-topics", "admin-migration")
        ),
    ),
    *(
        case
        for what in (
            "receiver_refused_spans",
            "exporter_send_failed_spans",
            "exporter_send_failed_log_records",
            "exporter_enqueue_failed_spans",
            "processor_tail_sampling_sampling_trace_dropped_too_early",
        )
        for case in (
            Case(
                "TandemTelemetryLost",
                "ticket",
                lost(what, "0x5 1+1x60"),
                (lost(what, "7x60"), lost(what, "0x5 1+1x60", job="somebody-else")),  # lost long ago
                ({"job": "otel-gateway"},),
            ),
            Case(
                "TandemTelemetryLost",
                "ticket",
                lost(what, "_x10 7x60"),  # the counter appears with the first loss
                (lost(what, "_x10 0x60"), lost(what, "_x10 7x60", job="somebody-else")),
                ({"job": "otel-gateway"},),
                after="15m",
            ),
        )
    ),
    Case(
        "TandemTelemetryLost",
        "ticket",
        collectors("1x10 0x60", "1x10 _x60"),
        (collectors("1x10 0x60", "1x60"),),  # the other one answers
        ({"job": "otel-gateway"},),
        after="25m",
    ),
    Case(
        "TandemDiskFilling",
        "page",
        disks("4x60"),
        (disk("6x60"), disk("30-1x10 20x50"), disk("4x60", "data-wiki-0")),
        DISK,
    ),
    Case("TandemDiskFilling", "ticket", disks("18x60"), (disk("25x60"), disk("18x20 40x40")), DISK),
    Case("TandemCertificateEnds", "page", certificate(1), (certificate(3),), ({"of": "api"},)),
    Case("TandemCertificateEnds", "ticket", certificate(13), (certificate(15),), ({"of": "api"},), after="90m"),
    Case(
        "TandemSigningKeyOld",
        "page",
        gauge("tandem_signing_key_left_seconds", "90000-30x200"),
        (
            gauge("tandem_signing_key_left_seconds", " ".join(["Inf"] * 200)),
            gauge("tandem_signing_key_left_seconds", "200000-30x60"),
        ),
        after="80m",
    ),
    Case(
        "TandemSigningKeyOld",
        "ticket",
        gauge("tandem_signing_key_age_seconds", "15552001+30x200"),
        (
            gauge("tandem_signing_key_age_seconds", " ".join(["NaN"] * 200)),
            gauge("tandem_signing_key_age_seconds", "86400+30x200"),
        ),
        after="90m",
    ),
)


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        missing = "promtool is not there: it is part of Debian's package prometheus (apt-get install prometheus)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def situation(case: Case, series: Series, fires: tuple[dict[str, str], ...]) -> dict[str, Any]:
    labels = {"alertname": case.alert, "alertstate": "firing", "severity": case.severity}
    # promtool evaluates nothing before the last value of a series without one.
    clock = {"promtool_clock": "0x200"}
    return {
        "interval": STEP,
        "input_series": [{"series": name, "values": values} for name, values in (clock | series).items()],
        "promql_expr_test": [
            {
                "eval_time": case.after,
                "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing",severity="{case.severity}"}}',
                "exp_samples": [
                    {"labels": "ALERTS" + as_selector(labels | own), "value": 1}
                    for own in sorted(fires, key=as_selector)
                ],
            }
        ],
    }


def as_selector(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert} {case.severity}")
def test_an_alert_fires_when_it_should_and_else_does_not(case: Case, promtool: str, tmp_path: Path) -> None:
    situations = [
        situation(case, case.hurt, case.fires),
        *(situation(case, series, ()) for series in case.well),
        situation(case, {}, case.without_data),
    ]
    file = tmp_path / "alert.yaml"
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(FOLDER / FILES[case.alert])], "evaluation_interval": STEP, "tests": situations}
        )
    )

    told = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_has_a_case() -> None:
    assert {(case.alert, case.severity) for case in CASES} == {(one.name, one.labels["severity"]) for one in alerts()}


def test_promtool_accepts_the_rules(promtool: str) -> None:
    told = subprocess.run(
        [promtool, "check", "rules", *map(str, rule_files())], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
