import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.routing import iter_route_contexts
from httpx import ASGITransport, AsyncClient
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from tandem_runtime.http_telemetry import HttpTelemetry, route_templates

Ask = Callable[[str, str], Awaitable[int]]

NAME = "tandem_http_server_request_duration_seconds"


def observed(method: str, route: str, status: int, sample: str = "count") -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value(f"{NAME}_{sample}", labels) or 0.0


def exposition() -> str:
    encode, _ = choose_encoder("application/openmetrics-text")
    return encode(REGISTRY).decode()


def observed_routes() -> set[str]:
    return {sample.labels["route"] for family in REGISTRY.collect() if family.name == NAME for sample in family.samples}


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    router = APIRouter(prefix="/orders")

    @router.get("/{order_id}")
    async def show(order_id: str) -> str:
        if order_id == "broken":
            raise RuntimeError(order_id)
        return order_id

    @router.get("/{order_id}/events")
    async def follow(order_id: str) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            began = perf_counter()
            await asyncio.sleep(0.1)
            yield str(began)

        return StreamingResponse(events(), media_type="text/event-stream")

    app.include_router(router, prefix="/v1")
    app.add_middleware(HttpTelemetry, route_template=route_templates(lambda: iter_route_contexts(app.routes)))

    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def ask(client: AsyncClient) -> Ask:
    async def ask(method: str, path: str) -> int:
        return (await client.request(method, path)).status_code

    return ask


async def test_requests_count_under_their_route_with_its_prefix_however_many_orders_there_are(ask: Ask) -> None:
    before = observed("GET", "/v1/orders/{order_id}", 200)
    assert [await ask("GET", f"/v1/orders/{number}") for number in range(3)] == [200] * 3
    assert observed("GET", "/v1/orders/{order_id}", 200) == before + 3
    assert not {route for route in observed_routes() if route.startswith("/v1/orders/0")}


async def test_paths_and_methods_that_do_not_exist_share_one_series(ask: Ask) -> None:
    before = observed("GET", "unmatched", 404)
    for path in ("/admin.php", "/.env"):
        assert await ask("GET", path) == 404
    assert observed("GET", "unmatched", 404) == before + 2
    assert await ask("BREW", "/v1/orders/1") == 405
    assert observed("OTHER", "/v1/orders/{order_id}", 405) + observed("OTHER", "unmatched", 405) == 1


async def test_an_endpoint_that_raises_counts_as_500(ask: Ask) -> None:
    before = observed("GET", "/v1/orders/{order_id}", 500)
    assert await ask("GET", "/v1/orders/broken") == 500
    assert observed("GET", "/v1/orders/{order_id}", 500) == before + 1


async def test_an_event_stream_is_measured_to_its_beginning_not_to_its_end(client: AsyncClient) -> None:
    before, asked = observed("GET", "/v1/orders/{order_id}/events", 200, "sum"), perf_counter()
    began = float((await client.get("/v1/orders/1/events")).text)
    assert 0 < observed("GET", "/v1/orders/{order_id}/events", 200, "sum") - before <= began - asked


async def test_the_trace_of_a_slow_request_is_found_from_the_histogram(ask: Ask) -> None:
    sampled = NonRecordingSpan(SpanContext(0xA1B2, 0xC3, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    with trace.use_span(sampled):
        await ask("GET", "/v1/orders/traced")
    exemplars = [line for line in exposition().splitlines() if NAME in line and " # {" in line]
    assert any('trace_id="0000000000000000000000000000a1b2"' in line for line in exemplars)


async def test_an_unsampled_trace_is_no_exemplar(ask: Ask) -> None:
    unsampled = NonRecordingSpan(SpanContext(0xDEAD, 0xC3, is_remote=False, trace_flags=TraceFlags(0)))
    with trace.use_span(unsampled):
        await ask("GET", "/v1/orders/untraced")
    assert f"{0xDEAD:032x}" not in exposition()
