"""The purge, in its own database role: what goes, what stays, and what faults and other runs change about it."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import ValidationError
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_worker.purge import main
from tandem_worker.purge.expired import LOCK
from tandem_worker.purge.main import Purge
from tandem_worker.settings import PurgeSettings

KEYS, LETTERS = "orders_idempotencykey", "events_deadletter"
WORKER = str(Path(sys.executable).with_name("tandem-worker"))


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def settings(database: Database) -> PurgeSettings:
    return PurgeSettings(environment="test", database_url=database.url("tandem_purge"), purge_batch_rows=10)


def remember_keys(superuser: psycopg.Connection, count: int, *, age: str) -> None:
    superuser.execute(
        "INSERT INTO orders_idempotencykey"
        " (principal, key, request_hash, response_status, response_body, created_at)"
        " SELECT 'ada', uuidv7(), 'h', 201, '{}', now() - %s::interval FROM generate_series(1, %s)",
        [age, count],
    )


def bury(superuser: psycopg.Connection, *, state: str, settled: str | None, decided: bool = False) -> None:
    letter = superuser.execute(
        "INSERT INTO events_deadletter (consumer, event_id, aggregate_type, aggregate_id, version, type, body, headers,"
        " state, created_at, settled_at) VALUES ('orders', uuidv7(), 'order', uuidv7(), 1, 'order.placed.v1', '{}',"
        " '{}', %s, now() - interval '300 days', now() - %s::interval) RETURNING aggregate_id",
        [state, settled],
    ).fetchone()
    assert letter
    if decided:
        superuser.execute(
            "INSERT INTO events_deadletterdecision (consumer, aggregate_type, aggregate_id, version, action, why,"
            " decided_by, outcome) VALUES ('orders', 'order', %s, 1, 'discard', 'a test', 'ada@example.com', 'done')",
            letter,
        )


def count(superuser: psycopg.Connection, table: str) -> int:
    row = superuser.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    return int(row[0])


def note_batches(superuser: psycopg.Connection, then: str = "") -> None:
    """Note transaction and rows of each deletion of keys; and `then`, a statement of PL/pgSQL, which may fail."""
    superuser.execute(
        f"""
        CREATE TABLE batch (transaction xid8, rows bigint);
        CREATE SEQUENCE deletion;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO public.batch SELECT pg_current_xact_id(), count(*) FROM gone;
            {then}
            RETURN NULL;
        END $$;
        CREATE TRIGGER note AFTER DELETE ON orders_idempotencykey REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION note();
        """
    )


async def test_what_is_old_goes_and_all_else_stays(superuser: psycopg.Connection, settings: PurgeSettings) -> None:
    remember_keys(superuser, 3, age="49 hours")
    remember_keys(superuser, 2, age="47 hours")
    bury(superuser, state="discarded", settled="91 days", decided=True)
    bury(superuser, state="replayed", settled="91 days")
    bury(superuser, state="replayed", settled="89 days")
    bury(superuser, state="dead", settled=None)
    bury(superuser, state="queued", settled=None)

    purge = Purge(settings)
    assert await purge.run(asyncio.Event())

    assert {table: count for table, count in purge.removed.items() if count} == {KEYS: 3, LETTERS: 2}
    assert count(superuser, KEYS) == 2
    left = superuser.execute("SELECT state FROM events_deadletter ORDER BY state").fetchall()
    assert left == [("dead",), ("queued",), ("replayed",)]
    assert count(superuser, "events_deadletterdecision") == 1


async def test_each_batch_is_a_transaction_of_its_own(superuser: psycopg.Connection, settings: PurgeSettings) -> None:
    remember_keys(superuser, 25, age="3 days")  # all of the same moment
    note_batches(superuser)

    assert await Purge(settings).run(asyncio.Event())

    batches = superuser.execute("SELECT count(DISTINCT transaction), array_agg(rows) FROM batch").fetchone()
    assert batches == (3, [10, 10, 5])


async def test_a_lost_connection_is_made_anew_and_the_rest_removed(
    superuser: psycopg.Connection, settings: PurgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "PAUSE_SECONDS", 0.01)
    remember_keys(superuser, 25, age="3 days")
    note_batches(
        superuser, "IF nextval('public.deletion') = 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
    )

    purge = Purge(settings)
    assert await purge.run(asyncio.Event())

    assert purge.removed[KEYS] == 25
    assert count(superuser, KEYS) == 0
    deletions = superuser.execute("SELECT last_value FROM deletion").fetchone()
    assert deletions == (4,)  # of which one came to nothing


async def test_a_database_that_stays_away_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "PAUSE_SECONDS", 0.01)
    away = PurgeSettings(environment="test", database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/none")

    assert not await Purge(away).run(asyncio.Event())


async def test_a_second_run_leaves_the_work_to_the_first(
    superuser: psycopg.Connection, settings: PurgeSettings
) -> None:
    remember_keys(superuser, 3, age="3 days")
    superuser.execute("SELECT pg_advisory_lock(%s, %s)", LOCK)

    assert await Purge(settings).run(asyncio.Event())
    assert count(superuser, KEYS) == 3

    superuser.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK)
    assert await Purge(settings).run(asyncio.Event())
    assert count(superuser, KEYS) == 0


async def test_a_run_that_is_stopped_ends_after_its_batch(
    superuser: psycopg.Connection, settings: PurgeSettings
) -> None:
    remember_keys(superuser, 25, age="3 days")
    stop = asyncio.Event()
    purge = Purge(settings)

    class StopAfterOne(dict[str, int]):
        def __setitem__(self, table: str, removed: int) -> None:
            super().__setitem__(table, removed)
            stop.set()

    purge.removed = StopAfterOne(purge.removed)
    assert await purge.run(stop)

    assert count(superuser, KEYS) == 15


async def test_the_process_tells_what_it_removed_and_ends(superuser: psycopg.Connection, database: Database) -> None:
    remember_keys(superuser, 2, age="25 hours")
    process = await asyncio.create_subprocess_exec(
        WORKER,
        "purge",
        env={
            **os.environ,
            "TANDEM_ENVIRONMENT": "test",
            "TANDEM_DATABASE_URL": database.url("tandem_purge"),
            "TANDEM_PURGE_IDEMPOTENCY_KEY_HOURS": "24",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), timeout=60)

    assert process.returncode == 0
    line = json.loads(output.splitlines()[-1])
    removed = {table: line["removed"][table] for table in (KEYS, LETTERS)}
    assert (line["event"], removed, line["complete"]) == ("purged", {KEYS: 2, LETTERS: 0}, True)


def test_letters_that_would_not_outlive_their_records_are_refused() -> None:
    with pytest.raises(ValidationError, match="TANDEM_PURGE_DEAD_LETTER_DAYS must be above 30"):
        PurgeSettings(environment="test", database_url="postgresql://", purge_dead_letter_days=30)
