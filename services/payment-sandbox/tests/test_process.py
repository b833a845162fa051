import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from payment_sandbox import metrics
from prometheus_client import CollectorRegistry
from tandem_runtime.metrics_contract import undeclared

CONTRACT = Path(__file__).parents[3] / "observability" / "metrics.yaml"


def test_a_ready_sandbox_says_so_and_counts_what_it_does(run: Any, tmp_path: Path) -> None:
    with run(tmp_path / "payments.db") as provider:
        while httpx.get(f"{provider.operations}/readyz").status_code != 200:  # it says so a moment late
            time.sleep(0.01)
        provider.pay(2490, key="k")
        provider.pay(2490, key="k")
        provider.pay(2413)
        exposed = httpx.get(f"{provider.operations}/metrics").text
    for sample in (
        'payment_sandbox_payments_total{outcome="captured"} 1.0',
        'payment_sandbox_faults_total{fault="fails_before"} 1.0',
        "payment_sandbox_replays_total 1.0",
        'tandem_http_server_request_duration_seconds_count{method="POST",route="/v1/payments",status="201"} 2.0',
        'tandem_build_info{service="payment-sandbox",version="0.1.0"} 1.0',
    ):
        assert sample in exposed


def test_its_metrics_are_declared() -> None:
    # A registry of their own: others may be in the process, with declarations of theirs.
    registry = CollectorRegistry()
    for metric in (metrics.PAYMENTS, metrics.FAULTS, metrics.REPLAYS):
        registry.register(metric)
    assert undeclared(registry, CONTRACT) == []


def test_it_logs_what_it_did_with_the_callers_trace_and_no_secret(run: Any, tmp_path: Path) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with run(tmp_path / "payments.db", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as provider:
        provider.client.headers["traceparent"] = f"00-{trace_id}-b7ad6b7169203331-01"
        provider.pay(2490, reference="o-1", payment_token="tok_secret")
        took = provider.said("money moved")
        asked = provider.said("request")
        assert provider.end(signal.SIGTERM) == 0
        everything = provider.everything_said()
    assert (took["amount"], took["currency"], took["reference"], took["state"]) == (2490, "EUR", "o-1", "captured")
    assert took["trace_id"] == asked["trace_id"] == trace_id
    assert (asked["method"], asked["path"], asked["status"]) == ("POST", "/v1/payments", 201)
    assert "Finished server process" in everything
    assert "tok_secret" not in everything


def test_without_its_settings_it_says_which_are_missing() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
    finished = subprocess.run(
        [sys.executable, "-c", "from payment_sandbox.main import main; main()"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert sorted(finished.stderr.splitlines()) == [
        "settings: TANDEM_PAYMENT_API_KEY: Field required",
        "settings: TANDEM_PAYMENT_DATABASE: Field required",
    ]
