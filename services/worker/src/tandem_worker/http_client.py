"""Requests to the payment provider, and the probe's; each has a span by OpenTelemetry's stable conventions."""

from http import HTTPStatus
from typing import Any

import httpx
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AnyValue
from tandem_runtime.http_spans import PORTS
from tandem_runtime.tracing import trace_headers, tracer


class TracedClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` whose requests carry the trace to whom they ask.

    A span lasts until the answer is there, its body included (of a stream: its head), redirects being part of it; what
    failed is told in it. Never in it: the query, which may be somebody's.
    """

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        url = request.url
        path = url.raw_path.partition(b"?")[0].decode("ascii")
        attributes: dict[str, AnyValue] = {
            "http.request.method": request.method,
            "url.full": f"{url.scheme}://{url.netloc.decode('ascii')}{path}",  # netloc is without who asks
            "server.address": url.host,
            "server.port": url.port or PORTS.get(url.scheme, 0),
        }
        with tracer().start_as_current_span(request.method, kind=SpanKind.CLIENT, attributes=attributes) as span:
            request.headers.update(trace_headers())
            try:
                response = await super().send(request, **options)
            except Exception as error:
                span.set_attribute("error.type", type(error).__qualname__)
                raise
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                span.set_attribute("error.type", str(response.status_code))
                span.set_status(StatusCode.ERROR)
            return response
