"""Databases for tests: migrated once, copied for each test that asks."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from tandem_local.programs import OWNER, ROLES, database_url, manage


@dataclass(frozen=True)
class Database:
    """A database with Tandem's schema; `server` is the superuser's URL."""

    server: str
    name: str

    def url(self, role: str | None = None) -> str:
        """The URL for a role (`tandem_api` …), or for the superuser."""
        if role is None:
            parts = psycopg.conninfo.conninfo_to_dict(self.server)
            return database_url(self.server, str(parts["user"]), str(parts.get("password", "")), self.name)
        return database_url(self.server, role, role_password(self.server, role), self.name)


def role_password(server: str, role: str) -> str:
    """The same in every process of a run, and for everyone who tests against the same server."""
    return hmac.digest(server.encode(), role.encode(), hashlib.sha256).hex()


def make_template(server: str, name: str, logs: Path) -> None:
    """Create the roles and the database `name`, migrated and with its grants, to be copied and not connected to."""
    passwords = {role: role_password(server, role) for role in ROLES}
    settings = {"TANDEM_ENVIRONMENT": "test", "TANDEM_DATABASE_URL": Database(server, name).url(OWNER)}
    secrets = {"TANDEM_SUPERUSER_URL": server, "TANDEM_ROLE_PASSWORDS": json.dumps(passwords)}
    manage("create_roles", env=settings | secrets, logs=logs)
    with psycopg.connect(server, autocommit=True) as superuser:
        _execute(superuser, "DROP DATABASE IF EXISTS {}", name)  # of an attempt that failed
        _execute(superuser, "CREATE DATABASE {} OWNER {}", name, OWNER)
    manage("migrate", "apply_grants", env=settings, logs=logs)
    with psycopg.connect(server, autocommit=True) as superuser:
        _execute(superuser, "ALTER DATABASE {} ALLOW_CONNECTIONS false", name)


@contextmanager
def copied_database(server: str, template: str) -> Iterator[Database]:
    """A new database like the template, dropped at the end with whoever is still connected."""
    name = f"{template}_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as superuser:
        _execute(superuser, "CREATE DATABASE {} TEMPLATE {} OWNER {}", name, template, OWNER)
        _copy_database_rights(superuser, template, name)
    try:
        yield Database(server, name)
    finally:
        drop_database(server, name)


def drop_database(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as superuser:
        _execute(superuser, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _execute(superuser: psycopg.Connection, statement: LiteralString, *names: str) -> None:
    superuser.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _copy_database_rights(superuser: psycopg.Connection, source: str, target: str) -> None:
    """CREATE DATABASE copies what is in the template, not the rights on it nor its settings."""
    superuser.execute(
        "UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = %s) WHERE datname = %s",
        [source, target],
    )
    superuser.execute(
        "INSERT INTO pg_db_role_setting SELECT target.oid, setrole, setconfig FROM pg_database AS target,"
        " pg_db_role_setting JOIN pg_database AS source ON source.oid = setdatabase"
        " WHERE source.datname = %s AND target.datname = %s",
        [source, target],
    )
