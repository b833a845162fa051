import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from sqlalchemy.pool import QueuePool
from storefront import Storefront
from tandem_api.metrics import OPEN_EVENT_STREAMS
from tandem_api.orders.streams import Streams
from tandem_local.databases import Database


def open_streams() -> float:
    return float(OPEN_EVENT_STREAMS._value.get())


async def open_streams_become(count: int) -> None:
    async with asyncio.timeout(60):
        while open_streams() != count:
            await asyncio.sleep(0.01)


@pytest.fixture
async def restless(storefront: Storefront, database: Database, provider: IdentityProvider) -> AsyncIterator[Api]:
    """An API whose streams look around often."""
    settings = api_settings(database.url("tandem_api"), provider, event_stream_heartbeat_seconds=0.2)
    async with running_api(settings, provider) as running:
        yield running


async def test_a_stream_tells_what_happened_and_what_happens(api: Api, storefront: Storefront, ada: UUID) -> None:
    order_id = storefront.order(ada)
    async with api.follow(order_id, ada) as events:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        first = await events.next()
        assert first is not None
        assert (first["id"], first["event"]) == ("1", "order.placed.v1")
        assert json.loads(first["data"])["state"] == "placed"

        storefront.advance(order_id, "reserved")
        api.cache.wakeups.wake_orders([order_id])

        second = await events.next(seconds=2)
        assert second is not None
        assert (second["id"], second["event"]) == ("2", "order.reserved.v1")


async def test_a_client_that_comes_back_is_told_only_what_it_missed(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    order_id = storefront.order(ada, "reserved")
    storefront.advance(order_id, "rejected")
    answer = await api.get(f"/v1/orders/{order_id}/events", ada, last_event_id="1")
    assert [line for line in answer.text.splitlines() if line.startswith("id: ")] == ["id: 2", "id: 3"]


@pytest.mark.parametrize("last", ["nonsense", "-1", "99999999999999999999", "²"])
async def test_an_id_that_is_none_of_ours_loses_no_event_to_come(
    restless: Api, storefront: Storefront, ada: UUID, last: str
) -> None:
    order_id = storefront.order(ada)
    headers = restless.auth(ada) | {"Last-Event-ID": last}
    path = f"/v1/orders/{order_id}/events"
    raw = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
    async with restless.client.stream("GET", path, headers=raw) as response:
        storefront.advance(order_id, "rejected")
        text = "".join([part async for part in response.aiter_text()])
    assert "id: 2" in text


@pytest.mark.parametrize("state", ["rejected", "delivered", "cancelled", "refunded"])
async def test_a_stream_ends_behind_a_final_state(api: Api, storefront: Storefront, ada: UUID, state: str) -> None:
    order_id = storefront.order(ada)
    async with api.follow(order_id, ada) as events:
        await events.next()
        storefront.advance(order_id, state)
        api.cache.wakeups.wake_orders([order_id])
        last = await events.next()
        assert last is not None
        assert last["event"] == f"order.{state}.v1"
        assert await events.next() is None


async def test_a_client_that_has_everything_of_an_ended_order_is_told_not_to_come_back(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    order_id = storefront.order(ada, "cancelled")
    assert (await api.get(f"/v1/orders/{order_id}/events", ada, last_event_id="2")).status_code == 204


async def test_an_event_whose_wakeup_was_lost_comes_with_the_heartbeat(
    restless: Api, storefront: Storefront, ada: UUID
) -> None:
    order_id = storefront.order(ada)
    async with restless.follow(order_id, ada) as events:
        await events.next()
        assert await events.next() == {"comment": "heartbeat"}
        storefront.advance(order_id, "reserved")  # nobody wakes the stream
        seen = [await events.next() for _ in range(2)]
        assert any(event is not None and event.get("id") == "2" for event in seen)


async def test_a_stream_ends_when_the_token_expires(api: Api, storefront: Storefront, ada: UUID) -> None:
    order_id = storefront.order(ada)
    # The leeway of five seconds for clocks that differ counts here too.
    async with api.follow(order_id, ada, exp=int(time.time()) - 3) as events:
        await events.next()
        assert await events.next() is None


async def test_a_stream_ends_when_its_customer_is_deactivated(api: Api, storefront: Storefront, ada: UUID) -> None:
    async with api.follow(storefront.order(ada), ada) as events:
        await events.next()
        api.cache.refused.update([ada], [ada])
        api.cache.wakeups.wake_customers([ada])
        assert await events.next() is None


async def test_a_stream_ends_at_once_when_the_process_stops(api: Api, storefront: Storefront, ada: UUID) -> None:
    async with api.follow(storefront.order(ada), ada) as events:
        await events.next()
        api.stopping.set()
        assert await events.next(seconds=1) is None


async def test_idle_streams_hold_no_connection_and_leave_nothing_behind(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    order_id = storefront.order(ada)
    async with AsyncExitStack() as streams:
        # The pool has ten connections.
        readers = [await streams.enter_async_context(api.follow(order_id, ada)) for _ in range(20)]
        for events in readers:
            await events.next()
        assert open_streams() == 20
        pool = api.cache.database._engine.pool
        assert isinstance(pool, QueuePool)
        assert pool.checkedout() == 0
        assert (await api.get("/v1/orders", ada)).status_code == 200
    await open_streams_become(0)
    assert not api.cache.wakeups._listeners


async def test_a_stream_outlives_a_database_that_is_away_for_a_moment(
    restless: Api, storefront: Storefront, ada: UUID
) -> None:
    order_id = storefront.order(ada)
    async with restless.follow(order_id, ada) as events:
        await events.next()
        storefront.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tandem-api'"
            " AND datname = current_database()"
            " AND datname = current_database()"
        )
        storefront.advance(order_id, "reserved")
        seen = [await events.next() for _ in range(3)]
        assert any(event is not None and event.get("id") == "2" for event in seen)


async def test_a_customer_follows_a_limited_number_of_orders_at_once(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID, eve: UUID
) -> None:
    settings = api_settings(database.url("tandem_api"), provider, event_stream_customer_limit=2, event_stream_limit=3)
    order_id, other = storefront.order(ada), storefront.order(eve)
    async with running_api(settings, provider) as api:
        async with api.follow(order_id, ada) as first, api.follow(order_id, ada):
            await first.next()
            one_too_many = await api.get(f"/v1/orders/{order_id}/events", ada)
            assert one_too_many.status_code == 429
            assert one_too_many.json()["type"].endswith("/problems/too-many-streams")
            assert one_too_many.headers["retry-after"] == "15"
            async with api.follow(other, eve) as third:
                await third.next()
                full = await api.get(f"/v1/orders/{other}/events", eve)
                assert full.status_code == 503
                assert full.headers["retry-after"] == "15"
        await open_streams_become(0)
        async with api.follow(order_id, ada) as again:
            assert await again.next() is not None, "who left makes room"


async def test_idle_streams_read_nothing(restless: Api, storefront: Storefront, ada: UUID) -> None:
    reads = 0
    read = Streams._read

    async def counted(self: Streams, *arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(self, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Streams, "_read", counted)
        async with restless.follow(storefront.order(ada), ada) as events:
            await events.next()
            for _ in range(5):
                assert await events.next() == {"comment": "heartbeat"}
    assert reads == 1
