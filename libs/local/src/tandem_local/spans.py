"""A receiver of traces: OTLP over HTTP with protobuf, spans kept in memory."""

import gzip
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

TRACES_KEPT = 2000
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Span:
    """One span; times in nanoseconds since the epoch, ids in lower-case hexadecimal as in `traceparent`."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the root."""
    service: str
    name: str
    kind: str
    """internal, server, client, producer or consumer."""
    start: int
    end: int
    failed: bool
    links: tuple[tuple[str, str], ...] = ()
    """(trace id, span id) of the spans it links to."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Also those of its events, such as an exception's message; numbers as they are written."""
    message: str = ""
    """Of its status."""


class SpanStore:
    """The spans received, by trace; the oldest traces go when there are too many."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, dict[str, Span]] = OrderedDict()
        self._lock = Lock()

    def add(self, span: Span) -> None:
        """A span that is sent again, as exporters do after a lost answer, counts once."""
        with self._lock:
            self._traces.setdefault(span.trace_id, {})[span.span_id] = span
            if len(self._traces) > TRACES_KEPT:
                self._traces.popitem(last=False)

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of the trace that have arrived so far, by start."""
        with self._lock:
            return sorted(self._traces.get(trace_id, {}).values(), key=lambda span: span.start)

    def all(self) -> list[Span]:
        """Every span that is kept."""
        with self._lock:
            return [span for trace in self._traces.values() for span in trace.values()]


@dataclass(frozen=True)
class SpanReceiver:
    endpoint: str
    """For OTEL_EXPORTER_OTLP_ENDPOINT."""
    spans: SpanStore


@contextmanager
def receiving_spans(port: int = 0) -> Iterator[SpanReceiver]:
    """Receive spans on loopback while the block runs; port 0 takes any that is free."""
    store = SpanStore()

    class Handler(_Handler):
        spans = store

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="span-receiver", daemon=True)
    thread.start()
    try:
        yield SpanReceiver(f"http://127.0.0.1:{server.server_port}", store)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # exporters keep their connection
    spans: SpanStore

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/traces":  # metrics and logs are not for us
            self._answer(HTTPStatus.NOT_FOUND)
            return
        try:
            request = ExportTraceServiceRequest.FromString(self._decompressed(body))
        except (DecodeError, OSError, zlib.error):
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        for resource in request.resource_spans:
            for span in _spans(resource):
                self.spans.add(span)
        self._answer(HTTPStatus.OK, ExportTraceServiceResponse().SerializeToString())

    def _decompressed(self, body: bytes) -> bytes:
        encoding = self.headers.get("Content-Encoding", "")
        return gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body) if encoding == "deflate" else body

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", PROTOBUF)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Write no access log."""


def _spans(resource: ResourceSpans) -> Iterator[Span]:
    attributes = _texts(resource.resource.attributes)
    for scope in resource.scope_spans:
        for span in scope.spans:
            yield Span(
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                service=attributes.get("service.name", "?"),
                name=span.name,
                kind=ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                start=span.start_time_unix_nano,
                end=span.end_time_unix_nano,
                failed=span.status.code == Status.STATUS_CODE_ERROR,
                attributes=_attributes(span),
                message=span.status.message,
                links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            )


def _attributes(span: ProtoSpan) -> dict[str, str]:
    told = _texts(span.attributes)
    for event in span.events:
        told |= {f"{event.name}: {key}": text for key, text in _texts(event.attributes).items()}
    return told


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    texts = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        texts[attribute.key] = str(getattr(attribute.value, kind)) if kind else ""
    return texts
