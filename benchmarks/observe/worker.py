"""The worker with and without telemetry: orders that wait, carried from placed to paid."""

import secrets
import time
from collections import defaultdict
from contextlib import ExitStack

import psycopg
from tandem_contracts.topics import ORDERS
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_runtime import eventloop

from benchmarks.api.processors import servers_own
from benchmarks.events.clients import Clients
from benchmarks.events.placement import placing_api
from benchmarks.events.relay import relaying
from benchmarks.events.topic import Sample, rate
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, of_rounds
from benchmarks.measuring.store import Identities, furnish
from benchmarks.measuring.surroundings import Surroundings, empty_topic
from benchmarks.observe.requests import shares
from benchmarks.observe.telemetry import ON, telemetry

ORDERS_WAITING = 1_000
CLIENTS = 16
SAMPLE_SECONDS = 0.1
PATIENCE_SECONDS = 180


def measure(around: Surroundings, options: Options) -> Result:
    waiting = options.events(ORDERS_WAITING)
    rates: dict[str, list[float]] = defaultdict(list)
    collecting: dict[str, float] = defaultdict(float)
    with telemetry(around) as telling:
        for _ in range(options.rounds):
            for manner, place in telling.around.items():
                before = telling.collector_seconds()
                with place.database() as database:
                    _place(place, database, waiting)
                    rates[manner].append(rate(_carry(place, database, waiting)))
                collecting[manner] += telling.collector_seconds() - before
    cost = 1000 * collecting[ON] / (waiting * options.rounds)
    return Result(
        title=f"{waiting:,} orders that wait, from placed to paid",
        series=[of_rounds("relay, order process, provider", manner, "orders/s", rates[manner]) for manner in rates],
        aims=shares(rates),
        notes=[
            "Relay, order process and provider share one processor; Postgres, Kafka and the collectors have the other.",
            f"Agent and gateway use {cost:.1f} ms of a processor for an order's trace, the request included.",
            "After each round every order is paid and every event is published.",
        ],
    )


def _place(around: Surroundings, database: Database, orders: int) -> None:
    """As customers do, while nobody carries orders on: the spans of the requests are part of their traces."""
    identities = Identities()
    tokens = identities.tokens(furnish(database.url()))
    placed = 0
    with identities.serving(), placing_api(around, database, identities, "api") as url:
        clients = Clients([url], tokens)
        while placed < orders:
            placed += len(eventloop.run(clients.in_turn(min(CLIENTS, orders - placed), 0)).accepted)


def _carry(around: Surroundings, database: Database, orders: int) -> list[Sample]:
    """How many were paid at which time, from the start of the processes to the end of the work."""
    port, key = free_port(), secrets.token_urlsafe()
    sandbox = {
        "TANDEM_PORT": str(port),
        "TANDEM_PAYMENT_DATABASE": str(around.home / f"payments-{around.next_number()}.sqlite"),
        "TANDEM_PAYMENT_API_KEY": key,
    }
    process = {
        "TANDEM_DATABASE_URL": database.url("tandem_worker"),
        "TANDEM_PAYMENT_URL": f"http://127.0.0.1:{port}",
        "TANDEM_PAYMENT_API_KEY": key,
    }
    # Events of other rounds are about orders that this database does not have.
    empty_topic(around.kafka, ORDERS.name, partitions=ORDERS.partitions)
    samples = [Sample(time.monotonic(), 0)]
    with ExitStack() as parts:
        with servers_own():
            parts.enter_context(around.service("payment", ["payment-sandbox"], sandbox))
            parts.enter_context(around.service("orders", ["tandem-worker", "orders"], process))
            parts.enter_context(relaying(around, database))
        superuser = parts.enter_context(psycopg.connect(database.url(), autocommit=True))
        while (left := _left(superuser)) or samples[-1].records < orders:
            paid = superuser.execute("SELECT count(*) FROM orders_order WHERE state = 'paid'").fetchone()
            samples.append(Sample(time.monotonic(), paid[0] if paid else 0))
            if samples[-1].at > samples[0].at + PATIENCE_SECONDS:
                raise TimeoutError(
                    f"after {PATIENCE_SECONDS} s {samples[-1].records} orders are paid, {left} events wait"
                )
            time.sleep(SAMPLE_SECONDS)
    return samples


def _left(superuser: psycopg.Connection) -> int:
    row = superuser.execute("SELECT count(*) FROM events_outboxevent").fetchone()
    return int(row[0]) if row else 0
