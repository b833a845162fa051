"""A transaction that somebody leaves open: no dead row goes away meanwhile, and the relay makes many."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import psycopg
from tandem_contracts.topics import ORDERS
from tandem_local.databases import Database
from tandem_local.processes import Running

from benchmarks.events.outbox import VERSIONS, fill
from benchmarks.events.relay import relaying
from benchmarks.events.topic import rate, reading
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_most, number, of_rounds
from benchmarks.measuring.surroundings import Surroundings

EVENTS = 50_000


def measure(around: Surroundings, options: Options) -> Result:
    """Backlogs are drained one after the other: `rounds` before the transaction begins, then while it lasts."""
    with around.database() as database, relaying(around, database) as relay:
        _drain(around, database, relay)  # the first one warms up
        before = [_drain(around, database, relay) for _ in range(options.rounds)]
        during = []
        with _transaction(database):
            end = time.monotonic() + options.hold_seconds
            while time.monotonic() < end:
                during.append(_drain(around, database, relay))
            dead = _dead_rows(database)
    last = during[-options.rounds :]
    return Result(
        title="While a transaction stays open",
        series=[
            of_rounds("before", f"{EVENTS:,} waiting", "events/s", before),
            of_rounds("meanwhile, all", f"{EVENTS:,} waiting", "events/s", during),
            of_rounds("meanwhile, at the end", f"{EVENTS:,} waiting", "events/s", last),
        ],
        aims=[
            at_most(
                f"relay: slowed by ≤ 10 % after {options.hold_seconds} s",
                100 * (1 - median(last) / median(before)),
                10,
                unit=" %",
            )
        ],
        notes=[
            f"A REPEATABLE READ transaction was open for {options.hold_seconds} s, in which {len(during)} backlogs were"
            f" filled and drained; at its end the outbox had {number(dead)} dead rows.",
            "The relay kept running; a rate is from the first record of a backlog to its last.",
        ],
    )


def _drain(around: Surroundings, database: Database, relay: Running) -> float:
    """Fill the outbox in one transaction while the relay looks; events per second until all are in Kafka."""

    async def watch() -> float:
        async with reading(around.kafka, ORDERS.name) as topic:
            begins = await topic.ends()
            await asyncio.to_thread(fill, database.url(), EVENTS, salt=f"hold {around.next_number()} ")
            samples = await topic.watch(begins, EVENTS, relay)
            await topic.verify(begins, EVENTS // VERSIONS)
            return rate(samples)

    return asyncio.run(watch())


@contextmanager
def _transaction(database: Database) -> Iterator[None]:
    with psycopg.connect(database.url()) as forgetful:
        forgetful.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        forgetful.execute("SELECT count(*) FROM catalog_category")
        yield


def _dead_rows(database: Database) -> float:
    with psycopg.connect(database.url(), autocommit=True) as superuser:
        superuser.execute("ANALYZE events_outboxevent")
        row = superuser.execute(
            "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'events_outboxevent'"
        ).fetchone()
    return float(row[0]) if row else 0
