"""Roles and database where nobody is a superuser, as in clouds: who may create both makes them, the owner the rest."""

import json
import os
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from tandem_admin.database.grants import OWNER, ROLES
from tandem_admin.database.roles import create_roles
from tandem_local.postgres import running_postgres
from tandem_local.programs import database_url, program

PASSWORDS = {role: f"{role} + its / password" for role in (OWNER, *ROLES)}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an administrator who may create roles and databases, and no more."""
    with running_postgres(tmp_path_factory.mktemp("cloud"), durable=False) as server:
        with psycopg.connect(server.url, autocommit=True) as superuser:
            superuser.execute("CREATE ROLE administrator LOGIN PASSWORD 'a' CREATEROLE CREATEDB")
            superuser.execute("CREATE ROLE stranger LOGIN PASSWORD 's'")
        yield database_url(server.url, "administrator", "a", "postgres")


def manage(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TANDEM_ENVIRONMENT": "test"} | variables
    argv = [program("tandem-manage"), command]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_who_may_create_roles_and_databases_is_enough(cloud: str) -> None:
    secrets = {"TANDEM_SUPERUSER_URL": cloud, "TANDEM_ROLE_PASSWORDS": json.dumps(PASSWORDS)}
    # The password from a variable of its own, as beside an operator.
    url = database_url(cloud, OWNER, "", "tandem").replace(":@", "@")

    made, again = (manage("create_roles", TANDEM_DATABASE_URL=url, **secrets) for _ in range(2))
    upgraded = manage("upgrade_database", TANDEM_DATABASE_URL=url, PGPASSWORD=PASSWORDS[OWNER])

    assert [made.returncode, again.returncode, upgraded.returncode] == [0, 0, 0], made.stderr + upgraded.stderr
    assert "tandem_relay is no member of pg_read_all_stats" in made.stderr
    for role in ROLES:
        with psycopg.connect(database_url(cloud, role, PASSWORDS[role], "tandem")) as connection:
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(database_url(cloud, "stranger", "s", "tandem"))
    with psycopg.connect(cloud) as administrator:
        (member,) = administrator.execute("SELECT pg_has_role(%s, 'SET')", [OWNER]).fetchone() or (None,)
        assert member is False


def test_a_database_that_is_somebody_elses_is_told(cloud: str) -> None:
    with psycopg.connect(cloud, autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE taken")
        complaints = create_roles(administrator, PASSWORDS, database="taken")
    assert complaints[-1] == "the database taken is administrator's, so migrations will fail: give it to tandem_owner"


def test_what_the_url_says_of_tls_holds(cloud: str) -> None:
    refused = manage("upgrade_database", TANDEM_DATABASE_URL=f"{cloud}?sslmode=require")
    assert "server does not support SSL, but SSL was required" in refused.stderr
