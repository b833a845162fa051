"""The client's spans, asked of a real server: the names are those of OpenTelemetry's conventions."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from partners import Receiver, Reply
from tandem_runtime.tracing import context_from, tracer
from tandem_worker.http_client import TracedClient


@pytest.fixture
async def client() -> AsyncIterator[TracedClient]:
    async with TracedClient(timeout=5) as client:
        yield client


async def ask(client: TracedClient, method: str, url: str) -> httpx.Response:
    """As part of some work: an outgoing request begins no trace."""
    with tracer().start_as_current_span("work"):
        return await client.request(method, url)


def only(recorded: InMemorySpanExporter) -> Any:
    span, work = recorded.get_finished_spans()
    assert (span.parent, work.name) == (work.context, "work")
    return span


async def test_a_request_is_told_without_its_query_and_who_asks(
    client: TracedClient, receiver: Receiver, recorded: InMemorySpanExporter
) -> None:
    answer = await ask(client, "POST", f"http://ada:secret@127.0.0.1:{receiver.port}/a%20b?token=secret")

    assert answer.content == b"thanks"
    span = only(recorded)
    assert (span.name, span.kind, span.status.status_code) == ("POST", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.attributes == {
        "http.request.method": "POST",
        "url.full": receiver.url("/a%20b"),
        "server.address": "127.0.0.1",
        "server.port": receiver.port,
        "http.response.status_code": 200,
    }


async def test_who_is_asked_can_go_on_with_the_trace(
    client: TracedClient, receiver: Receiver, recorded: InMemorySpanExporter
) -> None:
    await ask(client, "POST", receiver.url())
    context = only(recorded).context
    (message,) = receiver.messages
    assert message.headers["traceparent"] == f"00-{context.trace_id:032x}-{context.span_id:016x}-03"


async def test_a_trace_that_is_not_recorded_goes_on_all_the_same(
    client: TracedClient, receiver: Receiver, recorded: InMemorySpanExporter
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    caller = context_from({"traceparent": f"00-{trace_id}-b7ad6b7169203331-00"})
    with tracer().start_as_current_span("work", context=caller):
        await client.post(receiver.url(), content=b"{}")
    (message,) = receiver.messages
    assert re.fullmatch(f"00-{trace_id}-[0-9a-f]{{16}}-00", message.headers["traceparent"])
    assert recorded.get_finished_spans() == ()


async def test_without_tracing_it_is_a_client_as_any_other(client: TracedClient, receiver: Receiver) -> None:
    assert (await client.post(receiver.url(), content=b"{}")).status_code == 200
    (message,) = receiver.messages
    assert "traceparent" not in message.headers


@pytest.mark.parametrize("status", [404, 503])
async def test_an_answer_that_is_an_error_is_one(
    client: TracedClient, receiver: Receiver, recorded: InMemorySpanExporter, status: int
) -> None:
    receiver.answer = lambda _message: Reply(status=status)
    assert (await ask(client, "POST", receiver.url())).status_code == status
    span = only(recorded)
    assert (span.attributes["http.response.status_code"], span.attributes["error.type"]) == (status, str(status))
    assert span.status.status_code is StatusCode.ERROR


async def test_a_request_without_an_answer_is_an_error(client: TracedClient, recorded: InMemorySpanExporter) -> None:
    with pytest.raises(httpx.ConnectError):
        await ask(client, "GET", "http://127.0.0.1:9/")
    span = only(recorded)
    assert (span.attributes["error.type"], span.status.status_code) == ("ConnectError", StatusCode.ERROR)


async def test_a_port_that_goes_without_saying_is_told(client: TracedClient, recorded: InMemorySpanExporter) -> None:
    with pytest.raises(httpx.ConnectError):
        await ask(client, "GET", "https://nowhere.invalid/")
    assert only(recorded).attributes["server.port"] == 443
