"""From a commit to Kafka, under a steady load."""

import asyncio
import time
from random import Random
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from tandem_local.databases import Database
from tandem_runtime import eventloop
from tandem_tables.hints import OutboxHint

from benchmarks.events.outbox import PLACED
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_most, of_rounds, percentile
from benchmarks.measuring.surroundings import Surroundings

RATES = (100, 500)
SECONDS = 15.0
WARM_UP_SECONDS = 2.0
PARTS = {50: 10, 99: 50}
"""The percentiles, and the milliseconds that are aimed at."""
TYPE = "order.placed.v1"
WRITERS = 16
APPEND = "SELECT append_event('order', %s, %s, %s::jsonb)"


def measure(around: Surroundings, options: Options) -> Result:
    found: dict[tuple[int, int], list[float]] = {(rate, part): [] for rate in RATES for part in PARTS}
    for _ in range(options.rounds):
        for rate in RATES:
            delays = _delays(around, rate, options.seconds(SECONDS))
            for part in PARTS:
                found[rate, part].append(1000 * percentile(delays, part))
    series = {
        (rate, part): of_rounds(f"acknowledged, {part} % within", f"{rate} events/s", "ms", values)
        for (rate, part), values in found.items()
    }
    return Result(
        title="From commit to Kafka",
        series=list(series.values()),
        aims=[
            at_most(
                f"{rate} events/s: {part} % acknowledged within {bound} ms",
                series[rate, part].median,
                bound,
                unit=" ms",
            )
            for rate in RATES
            for part, bound in PARTS.items()
        ],
        notes=[
            f"Each event is a transaction of its own, at a random moment, by one of {WRITERS} connections; the clock"
            " starts when the commit has returned. The relay gets a hint after commits, at most one in 5 ms.",
            "The clock stops when the relay is told that all it sent in that round is in Kafka.",
        ],
    )


def _delays(around: Surroundings, rate: int, seconds: float) -> list[float]:
    """Seconds from the commit of each event to its acknowledgement."""
    file = around.home / f"acknowledgements-{around.next_number()}"
    relay = ["python", "-m", "benchmarks.events.peers.noting_relay", str(file)]
    with around.database() as database:
        settings = {"TANDEM_DATABASE_URL": database.url("tandem_relay")}
        with around.service("relay", relay, settings):
            eventloop.run(_append(database, rate, WARM_UP_SECONDS))
            committed = eventloop.run(_append(database, rate, seconds))
            time.sleep(1)  # the last ones are published; what is not is missed below
    acknowledged = dict(line.split() for line in file.read_text().splitlines())
    return [float(acknowledged[str(order)]) - at for order, at in committed.items()]


async def _append(database: Database, rate: int, seconds: float) -> dict[UUID, float]:
    """Append events of new orders at random moments; when each was committed, by `time.time()`.

    Each is a transaction of its own; one writer waits for its commit while others go on.
    """
    random = Random(rate)
    committed: dict[UUID, float] = {}
    due: asyncio.Queue[None] = asyncio.Queue()

    async def write() -> None:
        url = database.url("tandem_api")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while True:
                await due.get()
                order = uuid4()
                body = PLACED.model_copy(update={"order_id": order}).model_dump_json()
                await connection.execute(APPEND, [order, TYPE, body])
                committed[order] = time.time()
                hint.give()
                due.task_done()

    engine = create_async_engine(make_url(database.url("tandem_api")).set(drivername="postgresql+psycopg"), pool_size=1)
    hint = OutboxHint(engine)
    writers = [asyncio.create_task(write()) for _ in range(WRITERS)]
    began = time.monotonic()
    moment = began
    while (moment := moment + random.expovariate(rate)) < began + seconds:
        await asyncio.sleep(max(0, moment - time.monotonic()))
        due.put_nowait(None)
    await due.join()
    for writer in writers:
        writer.cancel()
    await asyncio.wait(writers)
    await hint.aclose()
    await engine.dispose()
    return committed
