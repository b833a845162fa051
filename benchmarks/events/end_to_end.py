"""From the order that is accepted to the order that is paid, through the whole system."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from tandem_contracts.topics import ORDERS
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_runtime import eventloop

from benchmarks.events.arrivals import noting_arrivals
from benchmarks.events.clients import Clients, Load
from benchmarks.events.options import Options
from benchmarks.events.placement import placing_api
from benchmarks.events.relay import relaying
from benchmarks.events.results import Result, of_rounds, percentile
from benchmarks.events.store import Identities, furnish
from benchmarks.events.surroundings import Surroundings, empty_topic

ORDERS_A_SECOND = 50
PROVIDER_SECONDS = 0.05
SECONDS = 20.0
WARM_UP_SECONDS = 3.0
# By then every order must be paid: what is late counts, what is lost ends the run.
PATIENCE_SECONDS = 120
PARTS = (50, 99)


def measure(around: Surroundings, options: Options) -> Result:
    paid: dict[int, list[float]] = {part: [] for part in PARTS}
    answered: dict[int, list[float]] = {part: [] for part in PARTS}
    refused = 0
    for _ in range(options.rounds):
        load, seconds = _round(around, options.seconds(SECONDS))
        refused += load.refused
        for part in PARTS:
            paid[part].append(1000 * percentile(seconds, part))
            answered[part].append(1000 * percentile([order.seconds for order in load.accepted], part))
    case = f"{ORDERS_A_SECOND} orders/s"
    return Result(
        title="From placed to paid",
        series=[
            *(of_rounds(f"paid, {part} % within", case, "ms", values) for part, values in paid.items()),
            *(of_rounds(f"answered 201, {part} % within", case, "ms", values) for part, values in answered.items()),
        ],
        aims=[],
        notes=[
            "From the answer 201 at the customer to the arrival of order.paid.v1 at a consumer: relay, order process,"
            f" relay, order process, payment provider ({1000 * PROVIDER_SECONDS:.0f} ms of work a payment), relay.",
            "Orders come at random moments, whether or not earlier ones are answered. Every accepted"
            f" order was paid; {refused} were refused with 503.",
        ],
    )


def _round(around: Surroundings, seconds: float) -> tuple[Load, list[float]]:
    """What the customers saw, and the seconds until each accepted order was paid."""
    with (
        around.database() as database,
        _whole_system(around, database) as (url, tokens),
        noting_arrivals(around) as arrivals,
    ):
        clients = Clients([url], tokens)
        eventloop.run(clients.at_pace(ORDERS_A_SECOND, WARM_UP_SECONDS))
        load = eventloop.run(clients.at_pace(ORDERS_A_SECOND, seconds))
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
