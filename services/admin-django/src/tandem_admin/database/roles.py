"""Making the roles and their rights, in SQL."""

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

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


def create_roles(creator: psycopg.Connection, passwords: dict[str, str], database: str) -> list[str]:
    """Create the roles that are missing, set their passwords, and create `database` owned by `tandem_owner`.

    `creator` is a superuser's or, as clouds have it, that of a role with CREATEROLE and CREATEDB; in autocommit mode,
    since CREATE DATABASE runs in no transaction. Returns what it was not allowed to do and the system can do without,
    and whose the database is, should it be there and belong to another.
    """
    known = {row[0] for row in creator.execute("SELECT rolname FROM pg_roles")}
    for role in (OWNER, *ROLES):
        if role not in known:
            creator.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        creator.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(passwords[role])))
    complaints = [_join(creator, role, group) for role, groups in MEMBERSHIPS.items() for group in groups]
    found = creator.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database]).fetchone()
    if found is None:
        _create_database(creator, database)
    elif found[0] != OWNER:
        complaints.append(f"the database {database} is {found[0]}'s, so migrations will fail: give it to {OWNER}")
    return [complaint for complaint in complaints if complaint]


def _create_database(creator: psycopg.Connection, database: str) -> None:
    owner = sql.Identifier(OWNER)
    is_superuser = creator.info.parameter_status("is_superuser") == "on"
    if not is_superuser:  # who gives a database away must be able to become its owner
        creator.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE").format(owner))
    creator.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))
    if not is_superuser:
        creator.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(owner))


def _join(creator: psycopg.Connection, role: str, group: str) -> str:
    try:
        creator.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(role)))
    except InsufficientPrivilege as error:
        return f"{role} is no member of {group}: {error.diag.message_primary}"
    return ""


def apply_grants(owner: psycopg.Cursor) -> None:
    """Take every right away and grant what `grants` says, in the caller's transaction."""
    database = sql.Identifier(owner.connection.info.dbname)
    owner.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    tables = [row[0] for row in owner.fetchall()]
    for role in ROLES:
        name = sql.Identifier(role)
        owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name))
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
