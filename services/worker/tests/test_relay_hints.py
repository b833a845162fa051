"""The hint that something waits: from those who append to the relay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import psycopg
import pytest
from psycopg import AsyncConnection
from relaying import aggregate
from tandem_contracts.outbox import GIVE_HINT, OUTBOX_CHANNEL
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_worker.database import SessionFactory, outbox_hint, session_factory
from tandem_worker.relay import outbox
from tandem_worker.relay.lanes import Lane
from tandem_worker.relay.rounds import Suspects
from tandem_worker.relay.watch import watch


@pytest.fixture
async def listener(database: Database) -> AsyncIterator[AsyncConnection]:
    async with await AsyncConnection.connect(database.url("tandem_relay"), autocommit=True) as connection:
        await connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
        yield connection


async def heard(listener: AsyncConnection) -> int:
    """Wait for a hint; how many there were until then."""
    return len([notify async for notify in listener.notifies(timeout=30, stop_after=1)])


async def test_many_commits_at_once_give_one_hint(sessions: SessionFactory, listener: AsyncConnection) -> None:
    async with aclosing(outbox_hint(sessions)) as hint:
        for _ in range(100):
            hint.give()
        assert await heard(listener) == 1
        hint.give()
        assert await heard(listener) == 1


async def test_a_hint_that_fails_is_nobody_s_error() -> None:
    async with (
        session_factory(
            f"postgresql://nobody@127.0.0.1:{free_port()}/none", pool_size=1, application="test"
        ) as nowhere,
        aclosing(outbox_hint(nowhere)) as hint,
    ):
        hint.give()
        assert hint._giving is not None
        await asyncio.wait_for(asyncio.shield(hint._giving), timeout=30)
        hint.give()


async def test_a_hint_ends_the_pause_of_every_lane(database: Database) -> None:
    assert aggregate(database), "nothing waits: only a hint can ring"
    lanes, stop = [Lane(), Lane()], asyncio.Event()
    async with await outbox.open_outbox(database.url("tandem_relay"), application="listening") as connection:
        watching = asyncio.create_task(watch(connection, lanes, Suspects(), stop))
        with psycopg.connect(database.url("tandem_api"), autocommit=True) as producer:
            async with asyncio.timeout(30):
                while not all(lane.bell.is_set() for lane in lanes):
                    producer.execute(GIVE_HINT)
                    await asyncio.sleep(0.01)
        stop.set()
        await watching
