from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.routing import iter_route_contexts
from httpx import ASGITransport, AsyncClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY
from tandem_runtime import http_spans
from tandem_runtime.http_spans import Sample
from tandem_runtime.http_telemetry import HttpTelemetry, route_templates

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"


def application(sample: Sample | None = None) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False})

    @app.get("/products/{sku}")
    async def show(sku: str) -> Response:
        if sku == "raises":
            raise LookupError(sku)
        ids = trace.get_current_span().get_span_context()
        return Response(
            status_code=int(sku), headers={"X-Trace": f"{ids.trace_id:032x}", "X-Span": f"{ids.span_id:016x}"}
        )

    @app.post("/products/{sku}")
    async def change(sku: str) -> str:
        return sku

    template = route_templates(lambda: iter_route_contexts(app.routes))
    app.add_middleware(HttpTelemetry, route_template=template, sample=sample)
    return app


@pytest.fixture
async def client(recorded: InMemorySpanExporter) -> AsyncIterator[AsyncClient]:
    async with calling(application()) as client:
        yield client


def calling(app: FastAPI) -> AsyncClient:
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://api.test:8001")


def only(recorded: InMemorySpanExporter) -> tuple[ReadableSpan, dict[str, Any]]:
    (span,) = recorded.get_finished_spans()
    return span, dict(span.attributes or {})


async def test_a_request_is_told_by_the_conventions_names_without_its_query(
    client: AsyncClient, recorded: InMemorySpanExporter
) -> None:
    await client.get("/products/200?q=secret")
    span, attributes = only(recorded)
    assert (span.name, span.kind, span.parent) == ("GET /products/{sku}", SpanKind.SERVER, None)
    assert attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/products/{sku}",
        "network.protocol.version": "1.1",
        "server.address": "api.test",
        "server.port": 8001,
        "url.path": "/products/200",
        "url.scheme": "http",
    }


async def test_of_what_strangers_choose_a_span_keeps_the_beginning(
    client: AsyncClient, recorded: InMemorySpanExporter
) -> None:
    await client.get(f"/{'long' * 4096}", headers={"Host": "long." * 4096})
    _, attributes = only(recorded)
    assert attributes["url.path"] == ("/" + "long" * 4096)[:1024]
    assert len(attributes["server.address"]) == 1024


@pytest.mark.parametrize(("sku", "error"), [("404", None), ("503", "503"), ("raises", "LookupError")])
async def test_the_server_s_failures_are_errors_and_the_client_s_are_not(
    client: AsyncClient, recorded: InMemorySpanExporter, sku: str, error: str | None
) -> None:
    await client.get(f"/products/{sku}")
    span, attributes = only(recorded)
    assert attributes.get("error.type") == error
    assert span.status.status_code is (StatusCode.UNSET if error is None else StatusCode.ERROR)
    assert (list(span.events), span.status.description) == ([], None)


async def test_a_method_that_somebody_makes_up_is_no_name(client: AsyncClient, recorded: InMemorySpanExporter) -> None:
    await client.request("BREW", "/products/200")
    span, attributes = only(recorded)
    assert (span.name.split()[0], attributes["http.request.method"]) == ("HTTP", "_OTHER")


async def test_the_caller_s_trace_goes_on(client: AsyncClient, recorded: InMemorySpanExporter) -> None:
    await client.get("/products/200", headers={"traceparent": f"{CALLER}01", "tracestate": "vendor=1"})
    span, _ = only(recorded)
    assert span.context is not None
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == tuple(CALLER.split("-")[1:3])
    assert dict(span.context.trace_state) == {"vendor": "1"}


@pytest.mark.parametrize("header", ["nonsense", "", f"{CALLER}00"])
async def test_a_caller_that_makes_no_sense_begins_nothing_and_one_that_records_nothing_is_followed(
    client: AsyncClient, recorded: InMemorySpanExporter, header: str
) -> None:
    await client.get("/products/200", headers={"traceparent": header})
    assert len(recorded.get_finished_spans()) == (0 if header.endswith("-00") else 1)


async def test_without_an_sdk_the_caller_s_trace_is_known_while_the_request_is_served() -> None:
    async with calling(application()) as client:
        answer = await client.get("/products/200", headers={"traceparent": f"{CALLER}01"})
    assert (answer.headers["X-Trace"], answer.headers["X-Span"]) == tuple(CALLER.split("-")[1:3])
    assert not trace.get_current_span().get_span_context().is_valid


NONE_OF_THE_PRODUCTS = Sample(("/products",), 0)


async def test_a_read_that_the_sample_leaves_out_is_counted_and_not_told(recorded: InMemorySpanExporter) -> None:
    labels = {"method": "GET", "route": "/products/{sku}", "status": "200"}
    counted = "tandem_http_server_request_duration_seconds_count"
    before = REGISTRY.get_sample_value(counted, labels) or 0
    async with calling(application(NONE_OF_THE_PRODUCTS)) as client:
        await client.get("/products/200")
    assert recorded.get_finished_spans() == ()
    assert REGISTRY.get_sample_value(counted, labels) == before + 1


async def test_one_that_fails_is_told_all_the_same_by_the_ids_that_it_had(recorded: InMemorySpanExporter) -> None:
    async with calling(application(NONE_OF_THE_PRODUCTS)) as client:
        answer = await client.get("/products/503")
    span, attributes = only(recorded)
    assert span.context is not None
    assert (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}") == (
        answer.headers["X-Trace"],
        answer.headers["X-Span"],
    )
    assert (span.parent, span.name, attributes["error.type"]) == (None, "GET /products/{sku}", "503")
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time > span.start_time


async def test_one_that_is_slow_too(recorded: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_spans, "SLOW_SECONDS", 0)
    async with calling(application(NONE_OF_THE_PRODUCTS)) as client:
        await client.get("/products/200")
    assert only(recorded)[0].status.is_ok


async def test_neither_writes_nor_other_paths_nor_a_caller_s_trace_are_left_out(recorded: InMemorySpanExporter) -> None:
    async with calling(application(NONE_OF_THE_PRODUCTS)) as client:
        await client.post("/products/200")
        await client.get("/elsewhere")
        await client.get("/products/200", headers={"traceparent": f"{CALLER}01"})
    names = [span.name for span in recorded.get_finished_spans()]
    assert names == ["POST /products/{sku}", "GET", "GET /products/{sku}"]


async def test_about_the_share_is_told(recorded: InMemorySpanExporter) -> None:
    async with calling(application(Sample(("/products",), 0.5))) as client:
        for _ in range(200):
            await client.get("/products/200")
    assert 50 < len(recorded.get_finished_spans()) < 150
