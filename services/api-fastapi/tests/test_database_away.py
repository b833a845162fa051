import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from sqlalchemy import text
from sqlalchemy.exc import InternalError
from storefront import Storefront
from tandem_local.databases import Database
from unreliable_network import Proxy, proxied

# Far less than a request's patience here, and enough for whatever machine.
PATIENCE_SECONDS, AT_ONCE_SECONDS = 60, 20


class Behind(NamedTuple):
    """An API that reaches its database through a proxy."""

    api: Api
    proxy: Proxy


@asynccontextmanager
async def running_behind(database: Database, provider: IdentityProvider, **changes: Any) -> AsyncIterator[Behind]:
    async with proxied(database.url("tandem_api")) as (proxy, url):
        settings = api_settings(url, provider, database_pool_size=2, **changes)
        async with running_api(settings, provider) as api:
            try:
                yield Behind(api, proxy)
            finally:
                proxy.thaw()


@pytest.fixture
async def behind(storefront: Storefront, database: Database, provider: IdentityProvider) -> AsyncIterator[Behind]:
    storefront.product("MUG-1")
    patient = dict.fromkeys(
        ("request_seconds", "database_pool_wait_seconds", "database_connect_seconds"), PATIENCE_SECONDS
    )
    async with running_behind(database, provider, **patient) as behind:
        yield behind


async def served(api: Api, customer_id: UUID) -> None:
    """Return once the API reaches its database."""
    async with asyncio.timeout(15):  # psycopg gives a query that it cancels up to ten seconds
        while (await api.get("/v1/orders", customer_id)).status_code != 200:
            await asyncio.sleep(0.1)


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.json()["type"].endswith("/problems/service-unavailable")


async def test_a_database_that_refuses_connections_is_a_503_at_once_and_comes_back(behind: Behind, ada: UUID) -> None:
    api, proxy = behind
    assert (await api.get("/v1/orders", ada)).status_code == 200
    await proxy.close()

    async with asyncio.timeout(AT_ONCE_SECONDS):
        assert_unavailable(await api.get("/v1/orders", ada))
        assert_unavailable(await api.place(ada, MUG_1=1))

    assert (await api.get("/v1/products")).status_code == 200, "the catalogue needs no database"
    await proxy.open()
    assert (await api.place(ada, MUG_1=1)).status_code == 201


async def test_a_database_that_falls_silent_is_a_503_in_bounded_time_for_everyone(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    storefront.product("MUG-1")
    # So short a limit is for what is meant to meet it: a busy machine meets it now and then with nothing wrong.
    limits = {"request_seconds": 1.5, "database_pool_wait_seconds": 1, "database_connect_seconds": 2}
    async with running_behind(database, provider, **limits) as (api, proxy):
        await served(api, ada)
        proxy.freeze()

        async with asyncio.timeout(60):  # left alone, they would wait for the kernel's patience: a quarter of an hour
            answers = await asyncio.gather(*(api.get("/v1/orders", ada) for _ in range(10)))
        for answer in answers:
            assert_unavailable(answer)
        assert len((await api.get("/v1/products")).json()["items"]) == 1

        proxy.thaw()
        await served(api, ada)


async def test_an_order_that_was_cut_off_is_placed_once_when_tried_again(
    behind: Behind, storefront: Storefront, ada: UUID
) -> None:
    api, proxy = behind
    assert (await api.get("/v1/orders", ada)).status_code == 200
    trying = asyncio.create_task(api.place(ada, key="k", MUG_1=1))
    await asyncio.sleep(0.005)
    await proxy.close()
    first = await trying
    await proxy.open()

    assert first.status_code in (201, 503)
    assert (await api.place(ada, key="k", MUG_1=1)).status_code == 201
    assert storefront.count("orders_order") == storefront.count("events_outboxevent") == 1


async def test_restarted_connections_are_replaced_unnoticed(api: Api, storefront: Storefront, ada: UUID) -> None:
    for _ in range(3):
        storefront.sql(
            # It waits until they have ended.
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tandem-api'"
            " AND datname = current_database()"
        )
        assert (await api.place(ada, MUG_1=1)).status_code == 201
        assert (await api.get("/v1/orders", ada)).status_code == 200


async def test_of_many_restarted_connections_none_is_noticed(api: Api, storefront: Storefront, ada: UUID) -> None:
    await asyncio.gather(*(api.place(ada, MUG_1=1) for _ in range(20)))
    storefront.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tandem-api'"
        " AND datname = current_database()"
    )
    answers = await asyncio.gather(*(api.place(ada, MUG_1=1) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}


async def test_a_lock_that_is_not_released_is_a_503(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    storefront.product("MUG-1")
    settings = api_settings(database.url("tandem_api"), provider, database_lock_seconds=0.2)
    async with running_api(settings, provider) as api:
        with storefront.locked("orders_order"):
            assert_unavailable(await api.place(ada, key="k", MUG_1=1))
        assert (await api.place(ada, key="k", MUG_1=1)).status_code == 201


async def test_what_reads_cannot_write(api: Api) -> None:
    async with api.cache.database.reading() as session:
        with pytest.raises(InternalError, match="read-only transaction"):
            await session.execute(text("INSERT INTO orders_idempotencykey DEFAULT VALUES"))
