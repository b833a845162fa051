"""The same service in Django and in FastAPI: on one processor, within one limit of memory, before one Postgres."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from threading import Event

import httpx
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.processes import Running
from tandem_local.programs import program

from benchmarks.api.processors import one_is_aside, servers_own
from benchmarks.api.wrk import PATIENCE_SECONDS, Seen, Wrk, answers
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Aim, Result, at_least, at_most, of_rounds
from benchmarks.measuring.store import furnish
from benchmarks.measuring.surroundings import Surroundings

# How many at once, and for how many seconds: long enough that the slowest answers of many come to an end.
CLIENTS = {1: 3.0, 10: 3.0, 100: 4.0, 1000: 12.0}
WARM_UP_SECONDS = 1.0
READY_SECONDS, SETTLED_SECONDS = 30, 0.5
MEMORY_MIB = 512
PAGE, LIST, JSON = "/products/SKU-001", "/products", "/json"
WORKLOADS = {
    "page": ("A product page that asks two others, 100 ms each", [PAGE]),
    "list": ("A list out of Postgres", [LIST]),
    "json": ("JSON, and nothing to wait for", [JSON]),
    "mix": ("One page, two lists, one JSON in turn", [PAGE, LIST, JSON, LIST]),
}
PEERS = "benchmarks.api.peers"
FASTAPI, SYNC, THREADS, ASYNC = "FastAPI", "Django, 3 × 4 threads", "Django, 2 × 32 threads", "Django, ASGI"
GUNICORN = ["gunicorn", "--worker-class", "gthread", "--backlog", "4096", "django.core.wsgi:get_wsgi_application()"]
UVICORN = ["uvicorn", "--no-access-log", "--log-level", "warning", "--backlog", "4096"]
COMMANDS = {
    SYNC: [*GUNICORN, "--workers", "3", "--threads", "4"],
    THREADS: [*GUNICORN, "--workers", "2", "--threads", "32"],
    ASYNC: [*UVICORN, "--factory", "django.core.asgi:get_asgi_application", "--lifespan", "off"],
    FASTAPI: [*UVICORN, f"{PEERS}.fastapi_store:app"],
}
AIMED_AT = 100
TOGETHER = "The server shares its processors with Postgres and the load generator: read with care."


def measure(name: str) -> Callable[[Surroundings, Options], Result]:
    """The measurement of a workload."""
    title, paths = WORKLOADS[name]

    def measured(around: Surroundings, options: Options) -> Result:
        seen: dict[tuple[str, int], list[Seen]] = defaultdict(list)
        memory: dict[str, list[float]] = defaultdict(list)
        wrk = Wrk(around)
        with around.database() as database, _subjects(around, database) as servers:
            _verify([url for url, _ in servers.values()], paths)
            for _ in range(options.rounds):
                for clients, seconds in CLIENTS.items():
                    for subject, (url, server) in servers.items():
                        wrk.ask(url, paths, clients=clients, seconds=WARM_UP_SECONDS)
                        _settle(url, around.stop)
                        seen[subject, clients].append(
                            wrk.ask(url, paths, clients=clients, seconds=options.seconds(seconds))
                        )
                        _settle(url, around.stop)
                        if clients == max(CLIENTS):
                            memory[subject].append(server.memory_bytes() / 2**20)
        return Result(
            title=title,
            series=[
                of_rounds(subject, f"{clients:,} client{'s' * (clients > 1)}", unit, [figure(one) for one in values])
                for unit, figure in UNITS.items()
                for (subject, clients), values in seen.items()
            ]
            + [of_rounds(subject, "after all of it", "MiB", values) for subject, values in memory.items()],
            aims=[
                *_aims(name, seen),
                at_most("memory of the largest", max(map(max, memory.values())), MEMORY_MIB, unit=" MiB"),
            ],
            notes=[] if one_is_aside() else [TOGETHER],
            by_clients=True,
        )

    return measured


UNITS: Mapping[str, Callable[[Seen], float]] = {
    "answers/s": lambda seen: seen.rate,
    "ms, half within": lambda seen: seen.p50_ms,
    "ms, 99 % within": lambda seen: seen.p99_ms,
}


def _aims(name: str, seen: Mapping[tuple[str, int], list[Seen]]) -> list[Aim]:
    if name != "page":
        return []
    rates = {subject: median(one.rate for one in seen[subject, AIMED_AT]) for subject in COMMANDS}
    return [
        at_least(f"FastAPI ≥ 5 × {peer} at {AIMED_AT} clients", rates[FASTAPI] / rates[peer], 5, unit=" ×")
        for peer in (SYNC, THREADS)
    ]


def _settle(url: str, stop: Event) -> None:
    """Let a server come to the end of what clients who are gone had asked for."""
    while True:
        began = time.monotonic()
        httpx.get(f"{url}{PAGE}", timeout=PATIENCE_SECONDS).raise_for_status()
        if time.monotonic() - began < SETTLED_SECONDS or stop.wait(0.1):
            return


def _verify(urls: list[str], paths: list[str]) -> None:
    """All answer the same bytes."""
    for path in paths:
        answers = {httpx.get(f"{url}{path}").raise_for_status().content for url in urls}
        if len(answers) != 1:
            raise RuntimeError(f"{path} is answered in different ways: {answers}")


@contextmanager
def _subjects(around: Surroundings, database: Database) -> Iterator[dict[str, tuple[str, Running]]]:
    """The address and the process of each."""
    furnish(database.url())
    upstream = free_port()
    settings = {
        "BENCHMARK_UPSTREAM_URL": f"http://127.0.0.1:{upstream}",
        "BENCHMARK_DATABASE_URL": database.url("tandem_api"),
        "DJANGO_SETTINGS_MODULE": f"{PEERS}.django_settings",
    }
    with ExitStack() as parts:
        other = parts.enter_context(around.process("upstream", around.module("api.peers.upstream", str(upstream)), {}))
        other.wait_until(partial(answers, f"http://127.0.0.1:{upstream}/reviews"), seconds=READY_SECONDS)
        servers = {}
        for number, (subject, command) in enumerate(COMMANDS.items()):
            port = free_port()
            where = ["--bind", f"127.0.0.1:{port}"] if command[0] == "gunicorn" else ["--port", str(port)]
            argv = [program(command[0]), *command[1:], *where]
            own = settings | ({"BENCHMARK_ASYNC": "1"} if subject == ASYNC else {})
            with servers_own():
                server = parts.enter_context(around.process(f"server-{number}", argv, own))
            url = f"http://127.0.0.1:{port}"
            server.wait_until(partial(answers, f"{url}{JSON}"), seconds=READY_SECONDS, stop=around.stop)
            servers[subject] = (url, server)
        yield servers
