"""The back office's list of orders under 16 clients, by how many threads gunicorn has."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass

import aiohttp
import psycopg
from tandem_local.databases import Database
from tandem_local.scenario.browser import Browser
from tandem_runtime import eventloop

from benchmarks.back_office.staff import back_office
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, of_rounds, percentile
from benchmarks.measuring.store import furnish
from benchmarks.measuring.surroundings import Surroundings

THREADS = (1, 2, 4, 8, 16)
CLIENTS = 16
ORDERS = 2000
SECONDS = 6.0
PAGE = "/admin/orders/order/"
ORDERS_OF_OLD = """
    INSERT INTO orders_order (customer_id, total_amount, total_currency, payment_token, placed_at)
    SELECT (SELECT id FROM users_user WHERE email LIKE 'customer-%%' LIMIT 1), 2400, 'EUR', 'tok_visa',
           now() - make_interval(mins => n)
    FROM generate_series(1, %s) AS n
"""


@dataclass(frozen=True, slots=True)
class Looked:
    pages_a_second: float
    seconds: list[float]


def measure(around: Surroundings, options: Options) -> Result:
    pages: dict[int, list[float]] = defaultdict(list)
    slowest: dict[int, list[float]] = defaultdict(list)
    with around.database() as database:
        _furnish(database)
        for _ in range(options.rounds):
            for threads in THREADS:
                with back_office(around, database, TANDEM_THREADS=str(threads)) as staff:
                    eventloop.run(_look(staff, options.seconds(SECONDS) / 4))
                    looked = eventloop.run(_look(staff, options.seconds(SECONDS)))
                pages[threads].append(looked.pages_a_second)
                slowest[threads].append(1000 * percentile(looked.seconds, 99))
    return Result(
        title=f"The back office's list of orders, {CLIENTS} clients",
        series=[
            *(of_rounds("pages", _case(threads), "pages/s", pages[threads]) for threads in THREADS),
            *(of_rounds("99 % within", _case(threads), "ms", slowest[threads]) for threads in THREADS),
        ],
        aims=[],
        notes=[
            f"A page of 100 of {ORDERS:,} orders. One process: its threads share one interpreter, so more of them only"
            " fill the time in which others wait for Postgres."
        ],
    )


def _case(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _furnish(database: Database) -> None:
    furnish(database.url())
    with psycopg.connect(database.url()) as superuser:
        superuser.execute(ORDERS_OF_OLD, [ORDERS])


async def _look(staff: Browser, seconds: float) -> Looked:
    """Clients who open the page again and again, with the session of whoever is logged in at `staff`."""
    took: list[float] = []
    began = time.monotonic()

    async def look_again(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < began + seconds:
            asked = time.monotonic()
            async with session.get(PAGE) as answer:
                if "customer-" not in await answer.text():
                    raise RuntimeError(f"{PAGE} answered {answer.status} without orders")
            took.append(time.monotonic() - asked)

    async with aiohttp.ClientSession(staff.base_url, cookies=staff.cookies) as session, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(look_again(session))
    return Looked(len(took) / (time.monotonic() - began), took)
