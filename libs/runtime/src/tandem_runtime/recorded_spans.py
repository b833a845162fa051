"""A span behind OpenTelemetry's interface, in a fifth of the time that its SDK takes for one.

It belongs to one task, has as much in it as our code puts there, and is not changed after its end: so it needs no
locks, no limits, and no copy of itself to be sent.
"""

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

_UNSET = Status(StatusCode.UNSET)


class Origin(Protocol):
    """What a span has from its tracer."""

    scope: InstrumentationScope

    @property
    def resource(self) -> Resource: ...

    def finish(self, span: Any, /) -> None:
        """Take a span that has ended."""


class RecordedSpan(trace.Span):
    """What is told of a piece of work; its fields are those that the OTLP exporter reads of the SDK's spans."""

    dropped_attributes = dropped_events = dropped_links = 0

    def __init__(  # noqa: PLR0917 - by position: it is made for each request
        self,
        origin: Origin,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, AttributeValue],
        links: list[Link],
        start_time: int,
    ) -> None:
        self._origin = origin
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.attributes = attributes
        self.links = links
        self.start_time = start_time
        self.end_time: int | None = None
        self.status = _UNSET
        self.events: list[Event] = []

    @property
    def resource(self) -> Resource:
        return self._origin.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        return self._origin.scope

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def end(self, end_time: int | None = None) -> None:
        if self.end_time is None:
            self.end_time = end_time or time.time_ns()
            self._origin.finish(self)

    def update_name(self, name: str) -> None:
        if self.end_time is None:
            self.name = name

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        if self.end_time is None:
            self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if self.end_time is None:
            self.attributes.update(attributes)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self.end_time is None:
            self.links.append(Link(context, attributes))

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self.end_time is None:
            self.events.append(Event(name, dict(attributes or ()), timestamp))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """OK is the last word, and UNSET none."""
        new = status if isinstance(status, Status) else Status(status, description)
        if self.end_time is None and StatusCode.OK is not self.status.status_code and not new.is_unset:
            self.status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        told: dict[str, AttributeValue] = {
            "exception.type": f"{module}{kind.__qualname__}",
            "exception.message": _text(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", told | dict(attributes or ()), timestamp)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None and self.is_recording():
                self.record_exception(error, escaped=True)
                self.set_status(_failed(error))
        finally:
            self.end()


@dataclass(slots=True)
class CurrentSpan:
    """The context of a span as the current one. It does what `trace.use_span` does, in half the time."""

    span: trace.Span
    record_exception: bool
    set_status_on_exception: bool
    end_on_exit: bool
    _token: Any = None

    def __enter__(self) -> trace.Span:
        self._token = context_api.attach(trace.set_span_in_context(self.span))
        return self.span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        context_api.detach(self._token)
        try:
            # What is no Exception, such as a cancellation, is no failure of the work.
            if isinstance(error, Exception) and self.span.is_recording():
                if self.record_exception:
                    self.span.record_exception(error)
                if self.set_status_on_exception:
                    self.span.set_status(_failed(error))
        finally:
            if self.end_on_exit:
                self.span.end()


def _failed(error: BaseException) -> Status:
    return Status(StatusCode.ERROR, f"{type(error).__name__}: {_text(error)}")


def _text(error: BaseException) -> str:
    """What it says of itself. Some cannot: then it is the failure to tell, and not another one."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever the application's code raises
        return "<no text>"
