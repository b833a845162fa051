"""`make bench-streams`: open idle event streams at one process of the API, and see what they cost it.

Writes benchmarks/results/streams.md.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from uuid import UUID

import psutil
import psycopg
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.services import NO_RATE_LIMITS

from benchmarks.measuring.machine import conditions
from benchmarks.measuring.store import API_URL, ISSUER, Identities, furnish
from benchmarks.measuring.surroundings import ROOT, Surroundings, surroundings

RESULTS = ROOT / "benchmarks" / "results" / "streams.md"
WARM_UP = 100
# Four heartbeats: what comes with them is in the figures.
IDLE_SECONDS = 60
ORDERS = """
    INSERT INTO orders_order (customer_id, total_amount, total_currency, payment_token)
    SELECT customer, 2400, 'EUR', 'tok_visa' FROM unnest(%(customers)s::uuid[]) AS customer
    CROSS JOIN generate_series(1, %(each)s);
    INSERT INTO orders_timelineentry (order_id, version, event_type, state, payload)
    SELECT id, append_event('order', id, 'order.placed.v1', '{}', '{}'), 'order.placed.v1', 'placed', '{}'
    FROM orders_order;
"""


@dataclass(frozen=True)
class Seen:
    """Of the process: private memory in bytes, and processor seconds, at a moment; by streams open then."""

    streams: int
    memory: int
    processor_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    arguments = parser.parse_args()
    with surroundings(Event()) as around, around.database() as database:
        facts = conditions(around, rounds=1)
        report = _report(*_measure(around, database, arguments.streams), facts)
    print(report)
    RESULTS.write_text(report)


def _measure(around: Surroundings, database: Database, streams: int) -> tuple[Seen, Seen, Seen, float]:
    """Before, with all streams open, and when they were idle for a while; and how long opening them took."""
    with ExitStack() as parts:
        identities = Identities()
        parts.enter_context(identities.serving())
        customers = furnish(database.url())
        followed = _followed(database, customers, identities, streams + WARM_UP)
        port, process = parts.enter_context(_api(around, database, identities, streams))
        return asyncio.run(_follow_all(port, process, followed))


@contextmanager
def _api(
    around: Surroundings, database: Database, identities: Identities, streams: int
) -> Iterator[tuple[int, psutil.Process]]:
    port = free_port()
    settings = {
        "TANDEM_DATABASE_URL": database.url("tandem_api"),
        "TANDEM_PORT": str(port),
        "TANDEM_ADMIN_URL": ISSUER,
        "TANDEM_API_URL": API_URL,
        "TANDEM_JWKS_URL": identities.url,
        "TANDEM_EVENT_STREAM_LIMIT": str(streams + WARM_UP),
        **NO_RATE_LIMITS,
    }
    with around.service("api", ["tandem-api"], settings):
        (pid,) = {
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        }
        yield port, psutil.Process(pid)


def _followed(
    database: Database, customers: Sequence[UUID], identities: Identities, streams: int
) -> list[tuple[UUID, str]]:
    """Orders to follow and the tokens to do so, an order a stream."""
    each = -(-streams // len(customers))
    with psycopg.ClientCursor(psycopg.connect(database.url())) as cursor, cursor.connection:
        cursor.execute(ORDERS, {"customers": list(customers), "each": each})
        cursor.execute("SELECT id, customer_id FROM orders_order ORDER BY id")
        orders = cursor.fetchall()
    tokens = dict(zip(customers, identities.tokens(customers), strict=True))
    return [(order, tokens[customer]) for order, customer in orders][:streams]


async def _follow_all(
    port: int, process: psutil.Process, followed: list[tuple[UUID, str]]
) -> tuple[Seen, Seen, Seen, float]:
    # What a first request loads is not what a stream costs.
    warm = [await _open(port, *one) for one in followed[:WARM_UP]]
    for _, writer in warm:
        writer.close()
    await asyncio.sleep(2)
    before = _seen(process, 0)
    began = time.perf_counter()
    opened = [await _open(port, *one) for one in followed[WARM_UP:]]
    took = time.perf_counter() - began
    await asyncio.sleep(1)
    after = _seen(process, len(opened))
    await asyncio.sleep(IDLE_SECONDS)
    idle = _seen(process, len(opened))
    for reader, writer in opened:
        assert not reader.at_eof(), "a stream ended"  # noqa: S101 - the measurement checks itself
        writer.close()
    return before, after, idle, took


async def _open(port: int, order_id: UUID, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream, from when its first event is here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /v1/orders/{order_id}/events HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(request.encode())
    status = await reader.readline()
    assert b" 200 " in status, status  # noqa: S101 - likewise
    async with asyncio.timeout(10):
        await reader.readuntil(b"event: order.placed.v1")
    return reader, writer


def _seen(process: psutil.Process, streams: int) -> Seen:
    times = process.cpu_times()
    return Seen(streams, process.memory_full_info().uss, times.user + times.system)


def _report(before: Seen, after: Seen, idle: Seen, took: float, facts: dict[str, str]) -> str:
    per_stream = (idle.memory - before.memory) / idle.streams / 1024
    busy = 100 * (idle.processor_seconds - after.processor_seconds) / IDLE_SECONDS
    rows = [
        ("streams, each of an order of its own", f"{idle.streams:,}"),
        ("memory of the process before", f"{before.memory / 2**20:.1f} MiB"),
        (f"memory with all of them, idle for {IDLE_SECONDS} s", f"{idle.memory / 2**20:.1f} MiB"),
        ("**memory a stream**", f"**{per_stream:.1f} KiB**"),
        ("processor for all of them, idle, heartbeats included", f"{busy:.1f} % of one"),
        ("opening one after another", f"{idle.streams / took:.0f} a second"),
    ]
    return "\n".join(
        [
            "# Idle event streams, measured",
            "",
            "Made by `make bench-streams` (`STREAMS=1000`): one process of the API with its settings of production."
            " Memory is what the process has for itself (USS).",
            "",
            "| | |",
            "|---|---:|",
            *(f"| {what} | {value} |" for what, value in rows),
            "",
            ", ".join(f"{name}: {value}" for name, value in facts.items()) + ".",
            "",
        ]
    )


if __name__ == "__main__":
    main()
