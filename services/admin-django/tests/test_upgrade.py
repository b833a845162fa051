"""What a deployment runs: `upgrade_database` before the new pods, `wait_for_schema` in them."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from tandem_admin.database.management.commands.upgrade_database import LOCK
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.programs import OWNER, program

ENVIRONMENT = {"TANDEM_ENVIRONMENT": "test"}


def started(command: str, *arguments: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [program("tandem-manage"), command, *arguments],
        env=os.environ | ENVIRONMENT | {"TANDEM_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


@pytest.fixture
def empty(database: Database) -> Iterator[Database]:
    """A database of the owner without tables, in which the services' roles may log in."""
    name = f"{database.name}_empty"
    with psycopg.connect(database.server, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (name, OWNER))))
    yield replace(database, name=name)
    with psycopg.connect(database.server, autocommit=True) as superuser:
        superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_two_upgrades_at_once_and_pods_that_wait_for_them(empty: Database) -> None:
    waiting = started("wait_for_schema", url=empty.url("tandem_admin"))
    upgrades = [started("upgrade_database", url=empty.url(OWNER)) for _ in range(2)]

    results = [finished(process) for process in upgrades]

    assert [status for status, _ in results] == [0, 0], results
    assert sorted("No migrations to apply" in output for _, output in results) == [False, True]
    status, output = finished(waiting)
    assert (status, output.splitlines()[-1]) == (0, "the schema is there")


def test_an_upgrade_waits_for_the_one_that_runs(database: Database) -> None:
    with psycopg.connect(database.url(OWNER), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        upgrade = started("upgrade_database", url=database.url(OWNER))
        with pytest.raises(subprocess.TimeoutExpired):
            upgrade.wait(timeout=9)  # Django's start, and more than the limit for locks on tables
    assert finished(upgrade)[0] == 0


def test_waiting_ends_with_what_is_missing(empty: Database) -> None:
    status, output = finished(started("wait_for_schema", "--seconds=0", url=empty.url("tandem_admin")))

    assert status == 1
    assert "migrations are not applied" in output


def test_waiting_survives_a_database_that_is_not_there() -> None:
    url = f"postgresql://tandem_admin@127.0.0.1:{free_port()}/tandem"

    status, output = finished(started("wait_for_schema", "--seconds=0", url=url))

    assert status == 1
    assert "refused" in output
    assert "Traceback" not in output
