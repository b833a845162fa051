"""A span by itself: to make it, to encode it, and to ask a server within one; by ours and by OpenTelemetry's."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_by_opentelemetry
from opentelemetry.instrumentation.httpx import AsyncOpenTelemetryTransport
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.types import AnyValue
from tandem_runtime.recording import Recorder
from tandem_runtime.span_encoding import encode_spans
from tandem_worker import http_client

from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, of_rounds
from benchmarks.measuring.surroundings import Surroundings

OURS, THEIRS, WITHOUT = "Tandem", "OpenTelemetry", "without a span"
SPANS, BATCHES, REQUESTS = 20_000, 40, 2_000
# As many as an exporter sends at once.
BATCH = 512
RESOURCE = Resource({"service.name": "benchmark"})
ATTRIBUTES: dict[str, AnyValue] = {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.consumer.group.name": "tandem-orders",
    "messaging.destination.name": "tandem.orders",
    "messaging.destination.partition.id": "3",
    "messaging.kafka.offset": 4_711,
}


def measure(_around: Surroundings, options: Options) -> Result:
    providers = {OURS: Recorder(RESOURCE), THEIRS: TracerProvider(resource=RESOURCE, shutdown_on_exit=False)}
    trace.set_tracer_provider(providers[OURS])  # our client asks for the process's
    tracers = {whose: provider.get_tracer("benchmark") for whose, provider in providers.items()}
    encoders: dict[str, Callable[[Any], Any]] = {OURS: encode_spans, THEIRS: encode_by_opentelemetry}
    batches = {whose: _batch(provider) for whose, provider in providers.items()}
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for whose, tracer in tracers.items():
            with tracer.start_as_current_span("work"):
                costs["made", whose].append(_each(partial(_make, tracer), options.events(SPANS)))
        for whose, encode in encoders.items():
            batch = _each(partial(_encode, encode, batches[whose]), options.events(BATCHES))
            costs["encoded", whose].append(batch / BATCH)
        for whose, client in _clients(providers).items():
            with tracers.get(whose, tracers[OURS]).start_as_current_span("work"):
                costs["a request's client", whose].append(asyncio.run(_asking(client, options.events(REQUESTS))))
    return Result(
        title="A span by itself",
        series=[
            of_rounds(whose, what, "µs", [1e6 * value for value in values], peer=whose != OURS)
            for (what, whose), values in costs.items()
        ],
        aims=[],
        notes=[
            "Made: as the current one, below a parent, with the attributes of a consumer's. Encoded: one of"
            f" {BATCH} in a message. A request's client: httpx with an answer at once and no network; OpenTelemetry's"
            " is its instrumentation.",
            f"Made here in {_part(costs, 'made')}, encoded in {_part(costs, 'encoded')} of OpenTelemetry's time.",
        ],
    )


def _each(work: Callable[[], object], times: int) -> float:
    """Seconds of each."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def _make(tracer: trace.Tracer) -> None:
    with tracer.start_as_current_span(
        "process order.paid.v1", kind=trace.SpanKind.CONSUMER, attributes=ATTRIBUTES
    ) as span:
        span.set_attribute("tandem.outcome", "applied")


def _batch(provider: TracerProvider) -> Sequence[Any]:
    """Spans that have ended, from a provider that keeps no others."""
    exporter = InMemorySpanExporter()
    keeping = type(provider)(resource=RESOURCE)
    keeping.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = keeping.get_tracer("benchmark")
    for _ in range(BATCH):
        _make(tracer)
    keeping.shutdown()
    return exporter.get_finished_spans()


def _encode(encode: Callable[[Any], Any], spans: Sequence[Any]) -> bytes:
    message: bytes = encode(spans).SerializePartialToString()
    return message


def _clients(providers: dict[str, Any]) -> dict[str, httpx.AsyncClient]:
    answering = httpx.MockTransport(lambda _request: httpx.Response(200, json={}))
    instrumented = AsyncOpenTelemetryTransport(answering, tracer_provider=providers[THEIRS])
    return {
        WITHOUT: httpx.AsyncClient(transport=answering),
        OURS: http_client.TracedClient(transport=answering),
        THEIRS: httpx.AsyncClient(transport=instrumented),
    }


async def _asking(client: httpx.AsyncClient, times: int) -> float:
    async with client:
        began = time.perf_counter()
        for _ in range(times):
            await client.post("http://payments.test/v1/payments", json={})
        return (time.perf_counter() - began) / times


def _part(costs: dict[tuple[str, str], list[float]], what: str) -> str:
    return f"{100 * median(costs[what, OURS]) / median(costs[what, THEIRS]):.0f} %"
