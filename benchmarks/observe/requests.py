"""The API with and without telemetry: a product read, and an order placed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from statistics import mean, median

import psycopg
from tandem_local.databases import Database
from tandem_runtime import eventloop

from benchmarks.api.processors import servers_own
from benchmarks.api.wrk import Wrk
from benchmarks.events.clients import Clients
from benchmarks.events.placement import placing_api
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Aim, Result, at_least, of_rounds
from benchmarks.measuring.store import Identities, furnish
from benchmarks.measuring.surroundings import Surroundings
from benchmarks.observe.telemetry import MANNERS, OFF, ON, REFUSED, SILENT, Telemetry, telemetry

CLIENTS = 32
TURNS, SECONDS = 6, 2.0
PRODUCT = "/v1/products/SKU-001"

# Ask an API for so many seconds; answers a second.
Rate = Callable[[str, float], float]


def reads(around: Surroundings, options: Options) -> Result:
    wrk = Wrk(around)

    @contextmanager
    def asking(_database: Database, _tokens: list[str]) -> Iterator[Rate]:
        yield lambda url, seconds: wrk.ask(url, [PRODUCT], clients=CLIENTS, seconds=seconds).rate

    return _measure(around, options, title="Reads of a product", unit="answers/s", load=asking)


def placement(around: Surroundings, options: Options) -> Result:
    @contextmanager
    def ordering(database: Database, tokens: list[str]) -> Iterator[Rate]:
        with psycopg.connect(database.url(), autocommit=True) as superuser:

            def rate(url: str, seconds: float) -> float:
                superuser.execute("CHECKPOINT")  # nobody pays for what another wrote
                return eventloop.run(Clients([url], tokens).in_turn(CLIENTS, seconds)).rate

            yield rate

    return _measure(around, options, title="Orders placed", unit="orders/s", load=ordering)


def _measure(
    around: Surroundings,
    options: Options,
    *,
    title: str,
    unit: str,
    load: Callable[[Database, list[str]], AbstractContextManager[Rate]],
) -> Result:
    """Each manner in turn, a short while at a time: a neighbour who comes or goes meets all of them alike.

    Of two processes that do the same one can be a twentieth slower, for as long as it lives: each round has new ones.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    seconds, identities = options.seconds(SECONDS), Identities()
    with (
        around.database() as database,
        telemetry(around) as telling,
        identities.serving(),
        load(database, identities.tokens(furnish(database.url()))) as rate,
    ):
        for _ in range(options.rounds):
            answered: dict[str, list[float]] = defaultdict(list)
            spent: dict[str, float] = defaultdict(float)
            with _apis(telling, database, identities) as urls:
                for manner in MANNERS:
                    rate(urls[manner], seconds)
                for turn in range(TURNS):
                    for manner in MANNERS if turn % 2 == 0 else reversed(MANNERS):
                        before = telling.service_seconds(manner)
                        answered[manner].append(rate(urls[manner], seconds))
                        spent[manner] += telling.service_seconds(manner) - before
            for manner in MANNERS:
                rates[manner].append(mean(answered[manner]))
                costs[manner].append(1_000_000 * spent[manner] / (sum(answered[manner]) * seconds))
    return Result(
        title=f"{title}, {CLIENTS} clients",
        series=[
            *(of_rounds("tandem-api", manner, unit, rates[manner]) for manner in MANNERS),
            *(of_rounds("its processor, a request", manner, "µs", costs[manner]) for manner in MANNERS),
        ],
        aims=shares(rates),
        notes=[
            f"An API for each manner, begun anew in each round and asked {TURNS} times for {SECONDS:g} s, in turns with"
            " the others; all on one processor, where the others are idle.",
            f"A request more with telemetry on: {median(costs[ON]) - median(costs[OFF]):.0f} µs of its processor.",
        ],
    )


def shares(rates: Mapping[str, list[float]]) -> list[Aim]:
    """What telemetry leaves of the rate, and what a collector that is away leaves of that; round by round."""
    return [
        at_least(f"{manner}: ≥ {least} % of {other}", _share(rates[manner], rates[other]), least, unit=" %")
        for manner, other, least in (
            (ON, OFF, 90),
            (REFUSED, ON, 95),
            (SILENT, ON, 95),
        )
    ]


def _share(values: Sequence[float], of: Sequence[float]) -> float:
    return 100 * median(value / other for value, other in zip(values, of, strict=True))


@contextmanager
def _apis(telling: Telemetry, database: Database, identities: Identities) -> Iterator[dict[str, str]]:
    """The URL of each manner's API."""
    with ExitStack() as parts:
        with servers_own():
            urls = {
                manner: parts.enter_context(placing_api(telling.around[manner], database, identities, f"api-{number}"))
                for number, manner in enumerate(MANNERS)
            }
        yield urls
