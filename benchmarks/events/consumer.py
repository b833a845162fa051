"""Effects of events, each once: the consumer, and one transaction a message."""

import asyncio
from statistics import median

import psycopg
from aiokafka import AIOKafkaProducer
from psycopg.rows import class_row
from tandem_contracts.envelope import to_kafka
from tandem_local.databases import Database

from benchmarks.events.outbox import COLUMNS, VERSIONS, Row, fill
from benchmarks.events.peers.effects import TABLE
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_least, of_rounds
from benchmarks.measuring.surroundings import Surroundings, make_topic

SET, ALONE, SEQUENCE = "consumer, SetHandler", "consumer, Handler", "one transaction a message"
PROCESS = {SET: ["peers.consumer", "set"], ALONE: ["peers.consumer", "alone"], SEQUENCE: ["peers.plain_consumer"]}
EVENTS = {SET: 50_000, ALONE: 10_000, SEQUENCE: 5_000}
SECONDS = 300


def measure(around: Surroundings, options: Options) -> Result:
    rates: dict[str, list[float]] = {subject: [] for subject in EVENTS}
    events = {subject: options.events(count) for subject, count in EVENTS.items()}
    with around.database() as database:
        with psycopg.connect(database.url()) as superuser:
            superuser.execute(TABLE)
        topics = {subject: _topic(around, database, count) for subject, count in events.items()}
        for _ in range(options.rounds):
            for subject, topic in topics.items():
                rates[subject].append(_consume(around, database, subject, topic, events[subject]))
    sequence = median(rates[SEQUENCE])
    return Result(
        title="Effects of events, each once",
        series=[
            of_rounds(subject, f"{events[subject]:,} events", "effects/s", rates[subject], peer=subject == SEQUENCE)
            for subject in events
        ],
        aims=[at_least("consumer: ≥ 10 × one transaction a message", median(rates[SET]) / sequence, 10, unit=" ×")],
        notes=[
            f"A handler that may not share a transaction: {median(rates[ALONE]) / sequence:.1f} × one a message.",
            "The effect is a row an event, in one durable transaction with the position of its order; after each run"
            " there is one row for each event, and each position is the last version.",
            "One transaction a message: aiokafka and psycopg in a plain loop; offsets are committed once a batch.",
        ],
    )


def _consume(around: Surroundings, database: Database, subject: str, topic: str, events: int) -> float:
    """Consume the topic from its beginning as a new group, and see that the effects are there; effects per second."""
    name = f"benchmark-{around.next_number()}"
    file = around.home / name
    module, *kind = PROCESS[subject]
    argv = around.module(f"events.{module}", *kind, name, topic, str(events), str(file))
    with around.process(module, argv, {"TANDEM_DATABASE_URL": database.url("tandem_worker")}) as process:
        process.wait(seconds=SECONDS, stop=around.stop)
    with psycopg.connect(database.url()) as superuser:
        row = superuser.execute(
            "SELECT (SELECT count(*) FROM benchmark_effect WHERE consumer = %(name)s),"
            " (SELECT count(*) FROM events_consumerposition WHERE consumer = %(name)s AND version = %(last)s)",
            {"name": name, "last": VERSIONS},
        ).fetchone()
    if row != (events, events // VERSIONS):
        raise RuntimeError(f"{subject}: effects and complete positions are {row}, not those of {events} events")
    return float(file.read_text())


def _topic(around: Surroundings, database: Database, events: int) -> str:
    """A topic of its own with so many events, as the relay would write them."""
    topic = f"benchmark.{events}"
    make_topic(around.kafka, topic, partitions=12)
    fill(database.url(), events, salt=topic)
    with psycopg.connect(database.url()) as superuser, superuser.cursor(row_factory=class_row(Row)) as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM events_outboxevent ORDER BY id".encode())
        rows = cursor.fetchall()
        superuser.execute("TRUNCATE events_outboxevent")
    asyncio.run(_write(around.kafka, topic, rows))
    return topic


async def _write(bootstrap_servers: str, topic: str, rows: list[Row]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True, linger_ms=5) as producer:
        for row in rows:
            key, value, headers = to_kafka(row.event())
            await producer.send(topic, value, key=key, headers=headers)
        await producer.flush()
