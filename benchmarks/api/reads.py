"""Tandem's catalogue reads, against the least that the same server can do."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median

from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.programs import program

from benchmarks.api.processors import servers_own
from benchmarks.api.wrk import Seen, Wrk, answers
from benchmarks.events.placement import placing_api
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_least, of_rounds
from benchmarks.measuring.store import Identities, furnish
from benchmarks.measuring.surroundings import Surroundings

CLIENTS = (1, 8, 32, 128)
AIMED_AT = 32
SECONDS, WARM_UP_SECONDS = 4.0, 1.0
HELLO = "uvicorn, a bare hello"
PRODUCT, PAGE = "tandem-api, a product", "tandem-api, a page of 20"
PATHS = {HELLO: "/", PRODUCT: "/v1/products/SKU-001", PAGE: "/v1/products?limit=20"}


UNITS: Mapping[str, Callable[[Seen], float]] = {
    "answers/s": lambda seen: seen.rate,
    "ms, 99 % within": lambda seen: seen.p99_ms,
}


def measure(around: Surroundings, options: Options) -> Result:
    seen: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    wrk = Wrk(around)
    with around.database() as database, _servers(around, database) as urls:
        for _ in range(options.rounds):
            for clients in CLIENTS:
                for subject, path in PATHS.items():
                    wrk.ask(urls[subject], [path], clients=clients, seconds=options.seconds(WARM_UP_SECONDS))
                    seen[subject, clients].append(
                        wrk.ask(urls[subject], [path], clients=clients, seconds=options.seconds(SECONDS))
                    )
    rates = {subject: median(one.rate for one in seen[subject, AIMED_AT]) for subject in PATHS}
    return Result(
        title="Catalogue reads",
        series=[
            of_rounds(subject, f"{clients} client{'s' * (clients > 1)}", unit, [figure(one) for one in values])
            for unit, figure in UNITS.items()
            for (subject, clients), values in seen.items()
        ],
        aims=[
            at_least(
                f"{subject}: ≥ 60 % of {HELLO} at {AIMED_AT} clients",
                100 * rates[subject] / rates[HELLO],
                60,
                unit=" %",
            )
            for subject in (PRODUCT, PAGE)
        ],
        notes=["The API logs, counts and limits each request as it does in production; the hello does nothing."],
        by_clients=True,
    )


@contextmanager
def _servers(around: Surroundings, database: Database) -> Iterator[dict[str, str]]:
    furnish(database.url())
    port = free_port()
    argv = [program("uvicorn"), "--no-access-log", "--log-level", "warning", "--port", str(port)]
    argv += ["--lifespan", "off", "benchmarks.api.peers.hello:app"]
    hello = f"http://127.0.0.1:{port}"
    with ExitStack() as parts:
        identities = Identities()
        parts.enter_context(identities.serving())
        with servers_own():
            server = parts.enter_context(around.process("hello", argv, {}))
            api = parts.enter_context(placing_api(around, database, identities, "api"))
        server.wait_until(partial(answers, hello), stop=around.stop)
        yield {HELLO: hello, PRODUCT: api, PAGE: api}
