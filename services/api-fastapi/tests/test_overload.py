"""More requests than can be served: some are refused at once, none waits without end, and it passes by itself."""

import asyncio
import time
from collections import Counter
from uuid import UUID

from identity_provider import IdentityProvider
from prometheus_client import REGISTRY
from running_api import Api, api_settings, running_api
from storefront import LOCK_WAITS, Storefront

POOL, QUEUE = 3, 5
LOCK_SECONDS, WAIT_SECONDS = 1.0, 0.5


def shed(what: str) -> float:
    return REGISTRY.get_sample_value("tandem_api_requests_shed_total", {"for": what}) or 0.0


async def timed_order(api: Api, customer: UUID) -> tuple[int, float, str | None]:
    began = time.monotonic()
    answer = await api.place(customer, MUG_1=1)
    if answer.status_code == 503:
        assert answer.json()["type"].endswith("/problems/service-unavailable")
    return answer.status_code, time.monotonic() - began, answer.headers.get("retry-after")


async def test_a_slow_database_is_a_503_in_bounded_time_for_many_and_passes(
    storefront: Storefront, provider: IdentityProvider, ada: UUID
) -> None:
    storefront.product("MUG-1")
    settings = api_settings(
        storefront.database.url("tandem_api"),
        provider,
        database_pool_size=POOL,
        database_queue=QUEUE,
        database_pool_wait_seconds=WAIT_SECONDS,
        database_lock_seconds=LOCK_SECONDS,
        rate_limit_writes="",
    )
    async with running_api(settings, provider) as api:
        before = shed("database")
        assert (await api.place(ada, MUG_1=1)).status_code == 201  # keys and connections are there
        with storefront.locked("orders_order"):
            orders = [asyncio.create_task(timed_order(api, ada)) for _ in range(60)]
            while len(storefront.sql(LOCK_WAITS)) < POOL:
                await asyncio.sleep(0.01)
            reads = [await api.get("/v1/products") for _ in range(5)]
            assert {answer.status_code for answer in reads} == {200}, "what needs no database is served meanwhile"
            answers = await asyncio.gather(*orders)
        assert {status for status, _, _ in answers} == {503}
        assert {retry for _, _, retry in answers} == {"2"}
        assert max(seconds for _, seconds, _ in answers) < settings.request_seconds, "by the database's limits"
        assert shed("database") - before >= 30, "few wait, the others are told at once"
        assert storefront.count("orders_order") == 1

        async with asyncio.timeout(10):
            while (await api.place(ada, MUG_1=1)).status_code != 201:
                await asyncio.sleep(0.05)
        assert Counter(status for status, _, _ in [await timed_order(api, ada) for _ in range(10)]) == {201: 10}


async def test_beyond_what_is_in_progress_requests_are_shed_and_streams_do_not_count(
    storefront: Storefront, provider: IdentityProvider, ada: UUID
) -> None:
    settings = api_settings(storefront.database.url("tandem_api"), provider, request_limit=2)
    async with running_api(settings, provider) as api:
        release = asyncio.Event()

        @api.app.get("/slow")
        async def slow() -> None:
            await release.wait()

        order = storefront.order(ada)
        async with api.follow(order, ada) as one, api.follow(order, ada) as two, api.follow(order, ada) as three:
            for stream in (one, two, three):
                assert (await stream.next() or {})["event"] == "order.placed.v1"
            before = shed("process")
            waiting = [asyncio.create_task(api.get("/slow")) for _ in range(2)]
            async with asyncio.timeout(5):
                while REGISTRY.get_sample_value("tandem_api_requests_in_progress") != 2:
                    await asyncio.sleep(0.01)
            refused = [await api.get("/problems") for _ in range(3)]
            assert {answer.status_code for answer in refused} == {503}
            assert refused[0].headers["retry-after"] == "2"
            assert refused[0].json()["request_id"] == refused[0].headers["x-request-id"]
            assert shed("process") - before == 3
            assert api.health.ready, "probes have a port of their own; a busy pod is no broken one"

            release.set()
            assert {(await answer).status_code for answer in waiting} == {200}
            assert (await api.get("/problems")).status_code == 200
        assert REGISTRY.get_sample_value("tandem_api_requests_in_progress") == 0
