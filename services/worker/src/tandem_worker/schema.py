"""Whether the tables are there that this release works with: beside a new database, they may come after the worker."""

import asyncio

import psycopg
import structlog
from tandem_runtime.health import Health
from tandem_tables.metadata import Table

from tandem_worker.database import connect
from tandem_worker.waiting import stopped_within, watched

PAUSE_SECONDS = 1.0
# In the catalogue everybody may look. Whether this role may read: rights come after the last migration.
COLUMNS = """
    SELECT c.relname, a.attname, has_any_column_privilege(c.oid, 'SELECT')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
"""

log = structlog.get_logger()


async def wait_for_tables(url: str, health: Health, stop: asyncio.Event) -> None:
    """Return when they are there and may be read, or `stop` is set; the log says what it waits for."""
    told = None
    while not stop.is_set():
        reason = await watched(missing(url), health=health, stop=stop)
        if reason is None:
            return
        if reason != told:
            log.warning("waiting for the database's tables", reason=reason)
            told = reason
        await stopped_within(stop, PAUSE_SECONDS)


async def missing(url: str) -> str | None:
    """What the database lacks; None when it lacks nothing."""
    try:
        async with await connect(url, application="tandem-worker-start") as connection:
            rows = await (await connection.execute(COLUMNS)).fetchall()
    except psycopg.OperationalError as error:  # no server, no database, no role yet
        return str(error).strip()
    there = {(table, column) for table, column, _ in rows}
    wanted = {(table.name, column.name) for table in Table.metadata.tables.values() for column in table.columns}
    if lacking := sorted(wanted - there):
        return f"{len(lacking)} columns are not there, the first is {'.'.join(lacking[0])}"
    return None if any(readable for _, _, readable in rows) else "this role may read nothing yet"
