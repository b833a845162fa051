"""Making the roles and their rights, in SQL."""

import psycopg
from psycopg import sql

from tandem_admin.database.grants import (
    ADMIN_PREFIXES,
    ADMIN_READS,
    ALL,
    APPEND_EVENT,
    MAY_APPEND,
    MEMBERSHIPS,
    OWNER,
    READ,
    ROLES,
    TABLES,
)


def create_roles(superuser: psycopg.Connection, passwords: dict[str, str], database: str) -> None:
    """Create the roles that are missing, set their passwords, and create `database` owned by `tandem_owner`.

    `superuser` must be in autocommit mode, since CREATE DATABASE runs in no transaction.
    """
    known = {row[0] for row in superuser.execute("SELECT rolname FROM pg_roles")}
    for role in (OWNER, *ROLES):
        if role not in known:
            superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        superuser.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(passwords[role]))
        )
    if not superuser.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        superuser.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER))
        )
    superuser.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    for role in ROLES:
        superuser.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(role))
        )
        for group in MEMBERSHIPS.get(role, ()):
            superuser.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(role)))


def apply_grants(owner: psycopg.Cursor) -> None:
    """Take every right on the tables away and grant what `grants` says, in the caller's transaction."""
    owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    tables = [row[0] for row in owner.fetchall()]
    for role in ROLES:
        name = sql.Identifier(role)
        owner.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name))
        owner.execute(sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {}").format(name))
        owner.execute(sql.SQL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {}").format(name))
        owner.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
        for table, rights in TABLES[role].items():
            _grant(owner, rights, table, role)
    for table in tables:
        if table.startswith(ADMIN_PREFIXES):
            _grant(owner, ALL, table, "tandem_admin")
        elif table in ADMIN_READS:
            _grant(owner, READ, table, "tandem_admin")
    for role in MAY_APPEND:
        owner.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(APPEND_EVENT), sql.Identifier(role)))


def _grant(owner: psycopg.Cursor, rights: str, table: str, role: str) -> None:
    owner.execute(
        # `rights` and `table` are this module's own constants or names from the catalogue
        sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), sql.Identifier("public", table), sql.Identifier(role))
    )
