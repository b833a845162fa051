"""Orders durably accepted: the API, the database alone, and plain Django."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import psycopg
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_runtime import eventloop

from benchmarks.events.ceiling import ROLE, log_statements, logged, script, transactions_per_second
from benchmarks.events.clients import Clients, Load
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_least, of_rounds, percentile
from benchmarks.measuring.store import API_URL, ISSUER, Identities, furnish
from benchmarks.measuring.surroundings import Surroundings

CLIENTS = (1, 8, 32, 128)
SECONDS = 6.0
WARM_UP_SECONDS = 1.0
API, API_TWICE, CEILING, DJANGO = "tandem-api", "tandem-api, two processes", "pgbench, the same SQL", "plain Django"
SUBJECTS = (API, API_TWICE, CEILING, DJANGO)
PEERS = (CEILING, DJANGO)
AIMED_AT = 32
# So many scripts, each with a customer of its own: one customer's row would be locked by all clients at once.
SCRIPTS = 32


def measure(around: Surroundings, options: Options) -> Result:
    rates: dict[tuple[str, int], list[float]] = {(subject, clients): [] for clients in CLIENTS for subject in SUBJECTS}
    loads: dict[tuple[str, int], list[Load]] = defaultdict(list)
    seconds = options.seconds(SECONDS)
    with around.database() as database, _subjects(around, database) as (urls, tokens, scripts):
        for _ in range(options.rounds):
            for (subject, clients), values in rates.items():
                _checkpoint(database)
                if subject == CEILING:
                    values.append(transactions_per_second(database, scripts, clients=clients, seconds=seconds))
                    continue
                eventloop.run(Clients(urls[subject], tokens).in_turn(clients, WARM_UP_SECONDS))
                load = eventloop.run(Clients(urls[subject], tokens).in_turn(clients, seconds))
                loads[subject, clients].append(load)
                values.append(load.rate)
    ceiling = median(rates[CEILING, AIMED_AT])
    return Result(
        title="Orders durably accepted",
        series=[
            *(
                of_rounds(subject, _case(clients), "orders/s", values, peer=subject in PEERS)
                for (subject, clients), values in rates.items()
            ),
            *(of_rounds(f"{API}, 99 % within", _case(clients), "ms", _p99(loads[API, clients])) for clients in CLIENTS),
        ],
        aims=[
            at_least(
                f"{subject}: ≥ 50 % of the ceiling at {AIMED_AT} clients",
                100 * median(rates[subject, AIMED_AT]) / ceiling,
                50,
                unit=" %",
            )
            for subject in (API, API_TWICE)
        ],
        notes=[
            "One process of the API is one pod; Django is one process with 8 threads.",
            "pgbench runs the statements that the server logged for one placement, prepared, a connection a client;"
            " it has no HTTP, no token, no validation, no JSON.",
            f"The load generator shares the processors: it takes {_cost_ms(loads):.2f} ms of one per order.",
            *_refusals(loads),
        ],
    )


def _case(clients: int) -> str:
    return f"{clients} client{'s' if clients > 1 else ''}"


def _p99(loads: Sequence[Load]) -> list[float]:
    return [1000 * percentile([order.seconds for order in load.accepted], 99) for load in loads]


def _cost_ms(loads: Mapping[tuple[str, int], Sequence[Load]]) -> float:
    every = [load for some in loads.values() for load in some]
    return 1000 * sum(load.processor_seconds for load in every) / sum(len(load.accepted) for load in every)


def _refusals(loads: Mapping[tuple[str, int], Sequence[Load]]) -> list[str]:
    counts = {
        where: (sum(load.refused for load in some), sum(len(load.accepted) for load in some))
        for where, some in loads.items()
    }
    return [
        f"{subject} at {_case(clients)} answered 503 to {refused} requests beside {accepted} accepted."
        for (subject, clients), (refused, accepted) in counts.items()
        if refused
    ]


def _checkpoint(database: Database) -> None:
    """So that nobody pays for what another wrote."""
    with psycopg.connect(database.url(), autocommit=True) as superuser:
        superuser.execute("CHECKPOINT")


@contextmanager
def _subjects(around: Surroundings, database: Database) -> Iterator[tuple[dict[str, list[str]], list[str], list[Path]]]:
    """The URLs of those that speak HTTP, tokens for them, and pgbench's scripts."""
    with ExitStack() as parts:
        identities = Identities()
        parts.enter_context(identities.serving())
        customers = furnish(database.url())
        scripts = _scripts(around, database, identities, customers)
        apis = [parts.enter_context(placing_api(around, database, identities, f"api-{n}")) for n in (1, 2)]
        django = parts.enter_context(_django(around, database, identities))
        yield {API: apis[:1], API_TWICE: apis, DJANGO: [django]}, identities.tokens(customers), scripts


@contextmanager
def placing_api(around: Surroundings, database: Database, identities: Identities, name: str) -> Iterator[str]:
    """The API as a process, with the settings that it has by default in production; its URL.

    Only the rate limits are out of reach: they are counted, and refuse nothing.
    """
    port = free_port()
    settings = {
        "TANDEM_DATABASE_URL": database.url(ROLE),
        "TANDEM_PORT": str(port),
        "TANDEM_ADMIN_URL": ISSUER,
        "TANDEM_API_URL": API_URL,
        "TANDEM_JWKS_URL": identities.url,
        **{f"TANDEM_RATE_LIMIT_{name}": "1000000000/minute" for name in ("CATALOGUE", "READS", "WRITES", "STREAMS")},
    }
    with around.service(name, ["tandem-api"], settings):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _django(around: Surroundings, database: Database, identities: Identities) -> Iterator[str]:
    """The peer under the admin's own gunicorn, as the schema's owner: the admin itself may not place orders."""
    port = free_port()
    settings = {
        "DJANGO_SETTINGS_MODULE": "benchmarks.events.peers.django_settings",
        "TANDEM_ENVIRONMENT": "test",  # production asks for https and collected files, which change no figure
        "TANDEM_DATABASE_URL": database.url("tandem_owner"),
        "TANDEM_PORT": str(port),
        "TANDEM_ADMIN_URL": f"http://127.0.0.1:{port}",
        "BENCHMARK_PUBLIC_KEY": identities.public_pem,
    }
    argv = ["gunicorn", "-c", "python:tandem_admin.gunicorn", "tandem_admin.wsgi"]
    with around.service("django", argv, settings):
        yield f"http://127.0.0.1:{port}"


def _scripts(around: Surroundings, database: Database, identities: Identities, customers: Sequence[UUID]) -> list[Path]:
    """The statements of one placement, taken from the server's log, as scripts for pgbench."""
    log = around.home / "logs" / "postgres.log"
    token = identities.tokens(customers[:1])
    log_statements(database, on=True)
    with placing_api(around, database, identities, "api-logged") as url:
        eventloop.run(Clients([url], token).in_turn(1, 0))  # the connection's own questions
        begin = log.stat().st_size
        placed = eventloop.run(Clients([url], token).in_turn(1, 0))
        statements = logged(log.read_bytes()[begin:].decode())
    log_statements(database, on=False)
    (order,) = placed.accepted
    files = []
    for position, by in enumerate(customers[:SCRIPTS]):
        file = around.home / f"placement-{position}.sql"
        file.write_text(
            script(statements, order_id=str(order.order_id), key=order.key, customer=str(customers[0]), by=str(by))
        )
        files.append(file)
    return files
