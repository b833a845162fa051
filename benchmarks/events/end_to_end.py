"""From the order that is accepted to the order that is paid, through the whole system."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from tandem_contracts.topics import ORDERS
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_runtime import eventloop

from benchmarks.events.arrivals import noting_arrivals
from benchmarks.events.clients import Clients, Load
from benchmarks.events.placement import placing_api
from benchmarks.events.relay import relaying
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, of_rounds, percentile
from benchmarks.measuring.store import Identities, furnish
from benchmarks.measuring.surroundings import Surroundings, empty_topic

# What two processors bear with ease, and the rate that was asked for.
ORDERS_A_SECOND = (20, 50)
PROVIDER_SECONDS = 0.05
SECONDS = 20.0
WARM_UP_SECONDS = 3.0
# By then every order must be paid: what is late counts, what is lost ends the run.
PATIENCE_SECONDS = 120
PARTS = (50, 99)


def measure(around: Surroundings, options: Options) -> Result:
    milliseconds: dict[tuple[int, str, int], list[float]] = defaultdict(list)
    refused = 0
    for _ in range(options.rounds):
        for rate in ORDERS_A_SECOND:
            load, seconds = _round(around, rate, options.seconds(SECONDS))
            refused += load.refused
            for part in PARTS:
                milliseconds[rate, "paid", part].append(1000 * percentile(seconds, part))
                answers = [order.seconds for order in load.accepted]
                milliseconds[rate, "answered 201", part].append(1000 * percentile(answers, part))
    return Result(
        title="From placed to paid",
        series=[
            of_rounds(f"{what}, {part} % within", f"{rate} orders/s", "ms", milliseconds[rate, what, part])
            for rate in ORDERS_A_SECOND
            for what in ("paid", "answered 201")
            for part in PARTS
        ],
        aims=[],
        notes=[
            "From the answer 201 at the customer to the arrival of order.paid.v1 at a consumer: relay, order process,"
            f" relay, order process, payment provider ({1000 * PROVIDER_SECONDS:.0f} ms of work a payment), relay.",
            "Orders come at random moments, whether or not earlier ones are answered. Every accepted"
            f" order was paid; {refused} were refused with 503.",
        ],
    )


def _round(around: Surroundings, rate: int, seconds: float) -> tuple[Load, list[float]]:
    """What the customers saw, and the seconds until each accepted order was paid."""
    with (
        around.database() as database,
        _whole_system(around, database) as (url, tokens),
        noting_arrivals(around) as arrivals,
    ):
        clients = Clients([url], tokens)
        eventloop.run(clients.at_pace(rate, WARM_UP_SECONDS))
        load = eventloop.run(clients.at_pace(rate, seconds))
        _wait_until_all_are_paid(database)
    arrived = arrivals.read()
    return load, [arrived[order.order_id, "order.paid.v1"] - order.at for order in load.accepted]


@contextmanager
def _whole_system(around: Surroundings, database: Database) -> Iterator[tuple[str, list[str]]]:
    """The processes that an order passes; the API's URL, and tokens of customers."""
    port, key = free_port(), secrets.token_urlsafe()
    sandbox = {
        "TANDEM_PORT": str(port),
        "TANDEM_PAYMENT_DATABASE": str(around.home / f"payments-{around.next_number()}.sqlite"),
        "TANDEM_PAYMENT_API_KEY": key,
        "TANDEM_PAYMENT_LATENCY_SECONDS": str(PROVIDER_SECONDS),
    }
    orders = {
        "TANDEM_DATABASE_URL": database.url("tandem_worker"),
        "TANDEM_PAYMENT_URL": f"http://127.0.0.1:{port}",
        "TANDEM_PAYMENT_API_KEY": key,
    }
    # Events of other measurements are about orders that this database does not have.
    empty_topic(around.kafka, ORDERS.name, partitions=ORDERS.partitions)
    identities = Identities()
    with ExitStack() as parts:
        parts.enter_context(identities.serving())
        customers = furnish(database.url())
        parts.enter_context(around.service("payment", ["payment-sandbox"], sandbox))
        parts.enter_context(relaying(around, database))
        parts.enter_context(around.service("orders", ["tandem-worker", "orders"], orders))
        yield parts.enter_context(placing_api(around, database, identities, "api")), identities.tokens(customers)


def _wait_until_all_are_paid(database: Database) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(database.url(), autocommit=True) as superuser:
        while True:
            row = superuser.execute(
                "SELECT (SELECT count(*) FROM orders_order WHERE state <> 'paid')"
                " + (SELECT count(*) FROM events_outboxevent)"
            ).fetchone()
            if row == (0,):
                break
            if time.monotonic() > end:
                raise RuntimeError(f"orders not paid, or events not published, after {PATIENCE_SECONDS} s: {row}")
            time.sleep(0.2)
    time.sleep(0.5)  # the last of them reach the consumer; one that does not is missed by whoever reads
