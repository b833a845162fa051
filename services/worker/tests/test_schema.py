"""A worker beside a database that is being made."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tandem_local.databases import Database, drop_database
from tandem_local.ports import free_port
from tandem_local.programs import OWNER, ROLES, manage
from tandem_runtime.health import Health
from tandem_worker.schema import missing, wait_for_tables

WORKERS = [role for role in ROLES if role not in {OWNER, "tandem_admin", "tandem_api"}]


@pytest.fixture
def empty(database: Database) -> Iterator[Database]:
    """A database of the owner without tables, in which the services' roles may log in."""
    name = f"{database.name}_empty"
    with psycopg.connect(database.server, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (name, OWNER))))
    yield replace(database, name=name)
    drop_database(database.server, name)


@pytest.mark.parametrize("role", WORKERS)
async def test_a_database_that_is_upgraded_lacks_nothing(database: Database, role: str) -> None:
    assert await missing(database.url(role)) is None


async def test_it_waits_until_the_tables_are_made_and_may_be_read(empty: Database, tmp_path: Path) -> None:
    url, settings = empty.url("tandem_relay"), {"TANDEM_ENVIRONMENT": "test", "TANDEM_DATABASE_URL": empty.url(OWNER)}
    waiting = asyncio.create_task(wait_for_tables(url, Health(), asyncio.Event()))
    assert "are not there" in (await missing(url) or "")

    await asyncio.to_thread(manage, "migrate", env=settings, logs=tmp_path)
    assert await missing(url) == "this role may read nothing yet"
    assert not waiting.done()

    await asyncio.to_thread(manage, "apply_grants", env=settings, logs=tmp_path)
    async with asyncio.timeout(30):
        await waiting


async def test_a_column_that_the_last_release_did_not_have_is_waited_for(database: Database) -> None:
    with psycopg.connect(database.url(), autocommit=True) as superuser:
        superuser.execute("ALTER TABLE orders_order RENAME COLUMN total_amount TO total")

    assert (
        await missing(database.url("tandem_worker"))
        == "1 columns are not there, the first is orders_order.total_amount"
    )


async def test_a_server_that_is_not_there_is_waited_for_until_the_worker_shall_end() -> None:
    url, stop = f"postgresql://tandem_relay@127.0.0.1:{free_port()}/tandem", asyncio.Event()
    waiting = asyncio.create_task(wait_for_tables(url, Health(), stop))
    assert "refused" in (await missing(url) or "")

    stop.set()

    async with asyncio.timeout(30):
        await waiting
