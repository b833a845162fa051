"""The collectors' configurations, in the collector itself: what is counted, hidden, kept, and told of log lines."""

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from tandem_local.processes import running_process
from tandem_local.spans import SpanStore, receiving_spans

from observability.contract import FOREIGN, declared_metrics
from observability.live.collectors import CONFIGURATIONS, SURROUNDINGS, Collectors, running_collectors

ORDINARY = 300
KEPT_PERCENT = 20
PATIENCE_SECONDS = 30.0
SECOND = 1_000_000_000
SECRETS = {
    "note": "write to jane.doe@mail.example.com, please",
    "exception.message": "could not connect to postgresql://tandem:sesame@db/tandem",
    "http.request.header.authorization": "Basic dGFuZGVtOnNlc2FtZQ==",
    "reply": "Bearer abcdefgh12345678",
    "session": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "user.password": "sesame",
    "card": "paid with 4242 4242 4242 4242",
    "other_card": "5555555555554444",
    "third_card": "3782-822463-10005",
}
HARMLESS = {
    "order.id": "01a205e2-797a-7908-94b6-441ae9c5b0e7",
    "messaging.kafka.offset": 1700000000000,
    "url.full": "http://payments/v1/payments?attempt=2",
    "db.query.text": "SELECT email FROM users_user WHERE id = %s",
}


class Ids(IdGenerator):
    """The same in each run: which traces are kept follows from them."""

    def __init__(self) -> None:
        self._random = Random(8)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64)

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128)


class Processes:
    """Two services, and two processes of the first, that send each span as soon as it ends, as real ones."""

    def __init__(self, endpoint: str) -> None:
        ids = Ids()
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces")
        self._providers = []
        for service, instance in (("api", "api-1"), ("api", "api-2"), ("worker-orders", "orders-1")):
            whose = {"service.namespace": "tandem", "service.name": service, "service.instance.id": instance}
            provider = TracerProvider(resource=Resource(whose), id_generator=ids, shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            self._providers.append(provider)
        self.api, self.other_api, self.worker = (provider.get_tracer("test") for provider in self._providers)
        self.sent: Counter[str] = Counter()

    def trace(self, *, seconds: float = 0.1, failed: bool = False, attributes: dict[str, Any] | None = None) -> str:
        """A request, and what a worker does because of it, which ends `seconds` after its beginning; the trace's id."""
        begin = time.time_ns()
        end = begin + round(seconds * SECOND)
        api = (self.api, self.other_api)[self.sent["api"] % 2]
        request = api.start_span("POST /v1/orders", kind=SpanKind.SERVER, start_time=begin, attributes=attributes)
        caused = self.worker.start_span(
            "process order.placed.v1", set_span_in_context(request), SpanKind.CONSUMER, start_time=begin
        )
        if failed:
            caused.set_status(Status(StatusCode.ERROR))
        caused.end(end)
        request.end(begin + SECOND // 10)
        self.sent.update(("api", "worker-orders"))
        return _trace_id(request)

    def stream(self) -> str:
        """A customer who watches an order for a minute."""
        begin = time.time_ns()
        route = "/v1/orders/{order_id}/events"
        span = self.api.start_span(
            f"GET {route}", kind=SpanKind.SERVER, start_time=begin, attributes={"http.route": route}
        )
        span.end(begin + 60 * SECOND)
        self.sent.update(["api"])
        return _trace_id(span)


def _trace_id(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


@dataclass(frozen=True)
class Sent:
    """What was sent, and where what was kept has arrived."""

    collectors: Collectors
    kept: SpanStore
    spans: Counter[str]
    failed: str
    slow: str
    secret: str
    streams: list[str]
    ordinary: list[str]


@pytest.fixture(scope="module")
def sent(collector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """Through an agent and two gateways."""
    home = tmp_path_factory.mktemp("collectors")
    with (
        receiving_spans() as receiver,
        running_collectors(home, receiver.endpoint, gateways=2, kept_percent=KEPT_PERCENT) as collectors,
    ):
        processes = Processes(collectors.endpoint)
        done = Sent(
            collectors,
            receiver.spans,
            processes.sent,
            failed=processes.trace(failed=True),
            slow=processes.trace(seconds=3),
            secret=processes.trace(failed=True, attributes=SECRETS | HARMLESS),
            streams=[processes.stream() for _ in range(20)],
            ordinary=[processes.trace() for _ in range(ORDINARY)],
        )
        until(lambda: sum(decided(gateway.own_metrics) for gateway in collectors.gateways) == ORDINARY + 23)
        until(lambda: len(receiver.spans.trace(done.slow)) == 2)
        yield done


def until(holds: Callable[[], bool]) -> None:
    """Return when it holds; the test fails when it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def scraped(address: str, series: str, **labels: str) -> list[float]:
    """The values of a metric's series with those labels."""
    found = []
    for line in httpx.get(address).text.splitlines():
        name, _, rest = line.partition("{")
        if name == series and all(f'{label}="{value}"' in rest for label, value in labels.items()):
            found.append(float(rest.rpartition("}")[2].split()[0]))
    return found


def decided(own_metrics: str) -> float:
    """How many traces a gateway has decided about."""
    return sum(scraped(own_metrics, "otelcol_processor_tail_sampling_global_count_traces_sampled_total"))


@pytest.mark.parametrize("name", ["agent", "gateway"])
def test_the_collector_accepts_the_configuration(name: str, collector: Path) -> None:
    surroundings = SURROUNDINGS | {"TRACES": "http://tempo:4318", "LOGS": "http://loki:3100/otlp"}
    told = subprocess.run(
        [collector, "validate", f"--config={CONFIGURATIONS / f'{name}.yaml'}"],
        env=os.environ | surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", ["agent", "gateway"])
def test_nothing_comes_in_past_the_limit_of_memory(name: str) -> None:
    configuration = yaml.safe_load((CONFIGURATIONS / f"{name}.yaml").read_text())
    for pipeline in configuration["service"]["pipelines"].values():
        if not set(pipeline["receivers"]) <= configuration.get("connectors", {}).keys():
            assert pipeline["processors"][0] == "memory_limiter"


def test_a_trace_that_failed_or_was_slow_is_kept_whole(sent: Sent) -> None:
    for trace in (sent.failed, sent.slow):
        assert sorted(span.service for span in sent.kept.trace(trace)) == ["api", "worker-orders"]


def test_of_ordinary_traces_the_share_that_was_asked_for_is_kept_each_whole(sent: Sent) -> None:
    kept = [spans for trace in sent.ordinary if (spans := sent.kept.trace(trace))]

    assert 0.6 * KEPT_PERCENT < 100 * len(kept) / ORDINARY < 1.4 * KEPT_PERCENT
    assert {len(spans) for spans in kept} == {2}


def test_a_trace_is_not_slow_for_being_an_event_stream(sent: Sent) -> None:
    kept = [trace for trace in sent.streams if sent.kept.trace(trace)]

    assert len(kept) < len(sent.streams) / 2


def test_each_gateway_decides_about_some(sent: Sent) -> None:
    assert all(decided(gateway.own_metrics) > ORDINARY / 5 for gateway in sent.collectors.gateways)


@pytest.mark.parametrize("service", ["api", "worker-orders"])
def test_span_metrics_count_also_what_is_not_kept(sent: Sent, service: str) -> None:
    def counted(series: str, **labels: str) -> float:
        return sum(
            sum(scraped(gateway.span_metrics, series, service_name=service, **labels))
            for gateway in sent.collectors.gateways
        )

    until(lambda: counted("traces_span_metrics_calls_total") == sent.spans[service])
    assert counted("traces_span_metrics_duration_seconds_count") == sent.spans[service]
    failed = counted("traces_span_metrics_calls_total", status_code="STATUS_CODE_ERROR")
    assert failed == (2 if service == "worker-orders" else 0)


def test_a_series_of_span_metrics_is_a_service_s_whichever_process_sent_the_spans(sent: Sent) -> None:
    for gateway in sent.collectors.gateways:
        series = scraped(
            gateway.span_metrics,
            "traces_span_metrics_calls_total",
            service_name="api",
            span_name="POST /v1/orders",
        )
        assert len(series) == 1


def test_secrets_and_personal_data_are_hidden_and_nothing_else(sent: Sent) -> None:
    (attributes,) = (dict(span.attributes) for span in sent.kept.trace(sent.secret) if span.service == "api")

    told = json.dumps(attributes)
    for hidden in ("jane", "sesame", "dGFuZGVt", "abcdefgh", "eyJ", "4242", "5555", "822463"):
        assert hidden not in told
    assert {name: attributes[name] for name in HARMLESS} == {name: str(value) for name, value in HARMLESS.items()}


def test_the_collectors_tell_of_themselves(sent: Sent) -> None:
    received = scraped(sent.collectors.own_metrics, "otelcol_receiver_accepted_spans_total")
    refused = scraped(sent.collectors.own_metrics, "otelcol_receiver_refused_spans_total")

    assert received == [sum(sent.spans.values())]
    assert refused == [0]


def test_what_queries_ask_of_collectors_is_what_they_emit_and_losses_are_told(collector: Path, tmp_path: Path) -> None:
    """All that is declared of them, while nobody takes what they have; but for what it takes a full queue to see."""
    with (
        receiving_spans() as receiver,
        running_collectors(tmp_path, f"{receiver.endpoint}/nowhere", logs=f"{receiver.endpoint}/nowhere") as collectors,
    ):
        Processes(collectors.endpoint).trace(failed=True)
        folder = collectors.pods / "tandem_api_1" / "api"
        folder.mkdir(parents=True)
        (folder / "0.log").write_text("2026-11-23T00:50:58.102345678Z stdout F a line\n")
        gateway, agent = collectors.gateways[0].own_metrics, collectors.own_metrics
        until(lambda: bool(scraped(gateway, "otelcol_exporter_send_failed_spans_total", exporter="otlp_http/traces")))
        until(lambda: bool(scraped(agent, "otelcol_exporter_send_failed_log_records_total", exporter="otlp_http/logs")))
        told = httpx.get(gateway).text + httpx.get(agent).text

    emitted: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(otelcol_\w+)(?:{(.*)})? ", told, re.MULTILINE):
        emitted.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    declared = [metric for metric in declared_metrics(FOREIGN) if metric.name.startswith("otelcol_")]
    assert {metric.name for metric in declared} - emitted.keys() == {"otelcol_exporter_enqueue_failed_spans_total"}
    for metric in declared:
        assert emitted.get(metric.name, set()) <= metric.labels


def test_spans_for_a_gateway_that_stays_away_are_counted_as_lost(collector: Path, tmp_path: Path) -> None:
    with receiving_spans() as kept, running_collectors(tmp_path, kept.endpoint, patience_seconds=2) as collectors:
        collectors.gateways[0].running.stop()
        processes = Processes(collectors.endpoint)
        processes.trace(failed=True)
        lost = "otelcol_exporter_send_failed_spans_total"
        until(lambda: sum(scraped(collectors.own_metrics, lost, exporter="load_balancing")) == processes.sent.total())

        assert not any(scraped(collectors.own_metrics, "otelcol_exporter_sent_spans_total"))


def test_spans_for_a_gateway_that_dies_wait_for_the_next_and_the_other_gets_its_own(
    collector: Path, tmp_path: Path
) -> None:
    with receiving_spans() as kept, running_collectors(tmp_path, kept.endpoint, gateways=2) as collectors:
        gone, other = collectors.gateways
        gone.running.stop()
        processes = Processes(collectors.endpoint)
        traces = [processes.trace(failed=True) for _ in range(20)]
        until(lambda: any(kept.spans.trace(trace) for trace in traces))
        assert scraped(collectors.own_metrics, "otelcol_exporter_send_failed_spans_total") in ([], [0])

        with running_process(gone.running.command):
            until(lambda: all(len(kept.spans.trace(trace)) == 2 for trace in traces))
            assert decided(other.own_metrics) < len(traces)


def test_the_collector_s_modules_are_those_of_the_manifest() -> None:
    """The lock is of what the manifest names, at the versions it names."""
    folder = CONFIGURATIONS.parents[1] / "tools" / "collector"
    manifest = yaml.safe_load((folder / "builder.yaml").read_text())
    locked = dict(re.findall(r"^\t(\S+) (v\S+)$", (folder / "go.mod").read_text(), re.MULTILINE))
    named = [one["gomod"].split() for part, ones in manifest.items() if part != "dist" for one in ones]
    assert named
    assert {module: locked.get(module) for module, _ in named} == dict(named)
