"""A span for a statement of psycopg's that took its time or failed, by OpenTelemetry's conventions for databases."""

import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from psycopg.sql import Composable

from tandem_runtime.tracing import tracer

_COMMENTS = re.compile(r"(\s+|/\*.*?\*/|--[^\n]*(\n|$))*", re.DOTALL)

Cursor = psycopg.Cursor[Any] | psycopg.AsyncCursor[Any]
_known: WeakKeyDictionary[psycopg.BaseConnection[Any], dict[str, str | int]] = WeakKeyDictionary()


def trace_statements(*, at_least_seconds: float) -> None:
    """From now on, for every connection of the process; call it once.

    A statement has its span when it took so long, or failed, within a span that is recorded: a polling loop's would be
    a trace of its own. No parameter is in it, and nothing that the server says of a row that it refuses.
    """
    least = int(at_least_seconds * 1_000_000_000)
    for method in ("execute", "executemany"):
        setattr(psycopg.Cursor, method, _traced(getattr(psycopg.Cursor, method), least))
        setattr(psycopg.AsyncCursor, method, _traced_async(getattr(psycopg.AsyncCursor, method), least))


class _Watched:
    """The execution of a statement, which tells of it at its end when it took so long or failed."""

    __slots__ = ("_began", "_cursor", "_least", "_query")

    def __init__(self, cursor: Cursor, query: Any, least: int) -> None:
        self._cursor, self._query, self._least = cursor, query, least

    def __enter__(self) -> None:
        self._began = time.time_ns()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None or time.time_ns() - self._began >= self._least:
            _tell(self._cursor, self._query, self._began, error)


def _traced(execute: Callable[..., Any], least: int) -> Callable[..., Any]:
    @wraps(execute)
    def traced(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **named: Any) -> Any:
        with _Watched(cursor, query, least):
            return execute(cursor, query, *arguments, **named)

    return traced


def _traced_async(execute: Callable[..., Awaitable[Any]], least: int) -> Callable[..., Awaitable[Any]]:
    @wraps(execute)
    async def traced(cursor: psycopg.AsyncCursor[Any], query: Any, *arguments: Any, **named: Any) -> Any:
        with _Watched(cursor, query, least):
            return await execute(cursor, query, *arguments, **named)

    return traced


def _tell(cursor: Cursor, query: Any, began: int, error: BaseException | None) -> None:
    if not trace.get_current_span().is_recording():
        return
    text = query.as_string(cursor) if isinstance(query, Composable) else query
    statement = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    attributes = _of_connection(cursor.connection) | {"db.query.text": statement}
    if error is not None:
        attributes["error.type"] = type(error).__qualname__
        if isinstance(error, psycopg.Error) and error.sqlstate:
            attributes["db.response.status_code"] = error.sqlstate
    span = tracer().start_span(_operation(statement), kind=SpanKind.CLIENT, attributes=attributes, start_time=began)
    if error is not None:
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _of_connection(connection: psycopg.BaseConnection[Any]) -> dict[str, str | int]:
    known = _known.get(connection)
    if known is None and connection.closed:  # it tells nothing of itself any more
        return {"db.system.name": "postgresql"}
    if known is None:
        info = connection.info
        known = {
            "db.system.name": "postgresql",
            "db.namespace": info.dbname,
            "server.address": info.host,
            "server.port": info.port,
        }
        _known[connection] = known
    return known


@lru_cache(maxsize=1024)
def _operation(statement: str) -> str:
    """The statement's first word, such as SELECT."""
    words = _COMMENTS.sub("", statement, count=1).split(maxsplit=1)
    return words[0].upper() if words else "statement"
