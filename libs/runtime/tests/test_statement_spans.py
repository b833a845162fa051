"""Statements against a real Postgres, in a process of their own: what traces them, traces all connections."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

Run = Callable[..., Any]

SETUP = """
import asyncio, os, psycopg, time
from psycopg import sql
from opentelemetry.trace import SpanKind
from tandem_runtime.tracing import configure_tracing, tracer
URL = os.environ["POSTGRES"]
def within_a_span(work, *, seconds=0.0):
    with configure_tracing("demo", statement_seconds=seconds), tracer().start_as_current_span("request"):
        work()
"""


@pytest.fixture
def spans(run: Run, collector: Any, postgres_server: str) -> Callable[[str], list[Span]]:
    """Run the code; returns the spans that it sent, but the request's."""

    def of(code: str) -> list[Span]:
        finished = run(SETUP + code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, POSTGRES=postgres_server)
        assert finished.status == 0, finished.stderr
        return [span for span in collector.spans if span.name != "request"]

    return of


def attributes(span: Span) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in span.attributes}


SYNC = """
def work():
    with psycopg.connect(URL) as connection:
        connection.execute({query}, {parameters})
within_a_span(work)
"""
ASYNC = """
async def working():
    async with await psycopg.AsyncConnection.connect(URL) as connection:
        await connection.execute({query}, {parameters})
within_a_span(lambda: asyncio.run(working()))
"""


@pytest.mark.parametrize("code", [SYNC, ASYNC], ids=["sync", "async"])
def test_a_statement_is_told_by_the_conventions_names_without_its_parameters(
    spans: Callable[[str], list[Span]], postgres_server: str, code: str
) -> None:
    (span,) = spans(code.format(query='"/* who */ select %s::text"', parameters=["secret"]))
    server = urlsplit(postgres_server)
    assert (span.name, span.kind) == ("SELECT", Span.SPAN_KIND_CLIENT)
    assert attributes(span) == {
        "db.system.name": "postgresql",
        "db.namespace": server.path.removeprefix("/"),
        "db.query.text": "/* who */ select %s::text",
        "server.address": server.hostname,
        "server.port": server.port,
    }


@pytest.mark.parametrize("query", ["""b"SELECT 1" """, """sql.SQL("SELECT {}").format(1)""", """sql.SQL("SELECT 1")"""])
def test_a_statement_may_be_bytes_or_composed(spans: Callable[[str], list[Span]], query: str) -> None:
    (span,) = spans(SYNC.format(query=query, parameters=None))
    assert attributes(span)["db.query.text"] == "SELECT 1"


def test_one_that_fails_is_an_error_that_tells_nothing_of_a_row(spans: Callable[[str], list[Span]]) -> None:
    (span,) = spans(
        "def work():\n"
        "    with psycopg.connect(URL) as connection:\n"
        "        try: connection.execute('SELECT %s::int', ['secret'])\n"
        "        except psycopg.errors.InvalidTextRepresentation: pass\n"
        "within_a_span(work, seconds=60)\n"
    )
    assert (span.status.code, span.status.message, list(span.events)) == (Status.STATUS_CODE_ERROR, "", [])
    told = attributes(span)
    assert (told["error.type"], told["db.response.status_code"]) == ("InvalidTextRepresentation", "22P02")
    assert "secret" not in str(span)


def test_one_on_a_connection_that_is_gone_fails_as_ever(spans: Callable[[str], list[Span]]) -> None:
    (span,) = spans(
        "def work():\n"
        "    connection = psycopg.connect(URL)\n"
        "    cursor = connection.cursor()\n"
        "    connection.close()\n"
        "    try: cursor.execute('SELECT 1')\n"
        "    except psycopg.OperationalError: pass\n"
        "within_a_span(work)\n"
    )
    assert attributes(span)["error.type"] == "OperationalError"


def test_only_what_took_so_long_is_told_from_its_beginning(spans: Callable[[str], list[Span]]) -> None:
    (span,) = spans(
        "def work():\n"
        "    with psycopg.connect(URL) as connection:\n"
        "        connection.execute('SELECT 1')\n"
        "        connection.execute('SELECT pg_sleep(0.6)')\n"
        "within_a_span(work, seconds=0.5)\n"
    )
    assert "pg_sleep" in str(attributes(span)["db.query.text"])
    assert span.end_time_unix_nano - span.start_time_unix_nano >= 500_000_000


def test_one_that_nothing_caused_has_no_span(spans: Callable[[str], list[Span]]) -> None:
    assert (
        spans(
            "with configure_tracing('demo'), psycopg.connect(URL) as connection:\n    connection.execute('SELECT 1')\n"
        )
        == []
    )


def test_many_at_once_are_one(spans: Callable[[str], list[Span]]) -> None:
    (create, span) = spans(
        "def work():\n"
        "    with psycopg.connect(URL) as connection:\n"
        "        connection.execute('CREATE TEMPORARY TABLE numbers (number int)')\n"
        "        connection.cursor().executemany('INSERT INTO numbers VALUES (%s)', [[1], [2], [3]])\n"
        "within_a_span(work)\n"
    )
    assert (create.name, span.name) == ("CREATE", "INSERT")
