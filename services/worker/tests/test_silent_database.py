"""A database that accepts what it is sent and answers nothing, as half-open connections and tired proxies do."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from store import Store, processor
from tandem_contracts.envelope import Event
from tandem_local.databases import Database
from tandem_worker import database as connections
from tandem_worker.consumer.handlers import Consumer, Handler
from tandem_worker.consumer.metrics import RETRIES
from tandem_worker.database import connect, session_factory
from test_inbox import event
from unreliable_network import proxied


async def test_an_event_in_hand_is_given_up_on_and_applied_when_the_database_answers_again(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 1.0)
    async with (
        proxied(database.url("tandem_worker")) as (proxy, url),
        session_factory(url, pool_size=2, application="test") as sessions,
    ):
        first = True

        async def apply(session: AsyncSession, received: Event, prepared: object) -> None:
            nonlocal first
            if first:
                first = False
                proxy.freeze()
                await session.execute(text("SELECT 1"))

        consumer = Consumer("in-silence", (), {"order.placed.v1": Handler(apply)})
        given_up = RETRIES.labels(consumer=consumer.name, reason="database")
        working = asyncio.create_task(processor(consumer, sessions).process([event(1, aggregate_id=uuid4())]))
        async with asyncio.timeout(60):
            while not given_up._value.get():
                await asyncio.sleep(0.1)
            proxy.thaw()
            assert await working == ["applied"]


async def test_a_connection_ends_when_nobody_answers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxied(database.url("tandem_relay")) as (proxy, url):
        connection = await connect(url, application="test")
        monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.5)
        proxy.freeze()

        with pytest.raises(psycopg.OperationalError, match="no answer"):
            await asyncio.wait_for(connection.execute("SELECT 1"), timeout=30)

        assert connection.closed
