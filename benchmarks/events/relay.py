"""A backlog published to Kafka: the relay, one event at a time, and a task queue."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tandem_contracts.topics import ORDERS
from tandem_local.databases import Database
from tandem_local.processes import Running

from benchmarks.events.outbox import VERSIONS, fill, settle
from benchmarks.events.peers.procrastinate_relay import defer_all
from benchmarks.events.topic import Sample, rate, reading
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_least, of_rounds
from benchmarks.measuring.surroundings import Surroundings

RELAY, NAIVE, QUEUE = "tandem-worker relay", "one by one", "procrastinate"
BACKLOG = {RELAY: 100_000, NAIVE: 5_000, QUEUE: 5_000}
UNIT = "events/s"


def measure(around: Surroundings, options: Options) -> Result:
    backlog = {subject: options.events(events) for subject, events in BACKLOG.items()}
    rates: dict[str, list[float]] = {subject: [] for subject in backlog}
    duplicates = 0
    for number in range(options.rounds):
        for subject, events in backlog.items():
            with around.database() as database:
                samples, again = asyncio.run(publish(around, database, subject, events, salt=f"{subject} {number} "))
            rates[subject].append(rate(samples))
            duplicates += again
    relay = median(rates[RELAY])
    return Result(
        title="Publishing a backlog",
        series=[
            of_rounds(subject, f"{backlog[subject]:,} waiting", UNIT, rates[subject], peer=subject != RELAY)
            for subject in backlog
        ],
        aims=[
            at_least("relay: ≥ 10,000 events/s acknowledged, in order", relay, 10_000, unit="/s"),
            at_least("relay: ≥ 20 × one by one", relay / median(rates[NAIVE]), 20, unit=" ×"),
        ],
        notes=[
            f"The topic is read after each round: all {VERSIONS} events of an order are there, in order"
            f" ({duplicates} duplicates in all).",
            "The peers have a smaller backlog: their rate does not depend on it, and a round ends in seconds.",
            f"{QUEUE}: one job an event, a lock per order, 20 jobs side by side, jobs deleted when done.",
        ],
    )


async def publish(
    around: Surroundings, database: Database, subject: str, events: int, *, salt: str
) -> tuple[list[Sample], int]:
    """Fill the outbox, have `subject` publish it; how the topic grew meanwhile, and how many records were duplicates.

    Raises when an event is missing or out of order.
    """
    fill(database.url(), events, salt=salt)
    settle(database.url())
    if subject == QUEUE:
        await defer_all(database.url())
    async with reading(around.kafka, ORDERS.name) as topic:
        begins = await topic.ends()
        with _publisher(around, database, subject) as process:
            samples = await topic.watch(begins, events, process)
        return samples, await topic.verify(begins, events // VERSIONS)


@contextmanager
def _publisher(around: Surroundings, database: Database, subject: str) -> Iterator[Running]:
    if subject == RELAY:
        with relaying(around, database) as process:
            yield process
        return
    module = {NAIVE: "peers.naive_relay", QUEUE: "peers.procrastinate_relay"}[subject]
    with around.process(module, around.module(f"events.{module}"), {"TANDEM_DATABASE_URL": database.url()}) as process:
        yield process


@contextmanager
def relaying(around: Surroundings, database: Database) -> Iterator[Running]:
    """The relay as a process, with the settings that it has by default."""
    settings = {"TANDEM_DATABASE_URL": database.url("tandem_relay")}
    with around.service("relay", ["tandem-worker", "relay"], settings) as process:
        yield process
