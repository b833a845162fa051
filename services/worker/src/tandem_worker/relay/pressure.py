"""What presses on the outbox from outside: transactions that stay open, behind which dead rows cannot be cleared."""

import psycopg

# A prepared transaction belongs to no connection; one that was forgotten is as bad as any.
_OLDEST = """
    WITH running AS (
        SELECT xact_start AS since, backend_xid IS NOT NULL AS writing
        FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        UNION ALL
        SELECT prepared, true FROM pg_prepared_xacts WHERE database = current_database()
    )
    SELECT kind, CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
                      THEN coalesce(max(extract(epoch FROM clock_timestamp() - since)), 0)
                      ELSE 'NaN' END
    FROM (VALUES ('writing', true), ('reading', false)) AS kinds (kind, writes)
    LEFT JOIN running ON writing = writes
    GROUP BY kind
"""


async def oldest_transactions(connection: psycopg.AsyncConnection) -> dict[str, float]:
    """Age in seconds of this database's oldest transaction that has written, and of the oldest that has only read.

    0 where there is none. NaN for a role that may not see others' transactions: nobody shall take that for calm.
    """
    cursor = await connection.execute(_OLDEST)
    return {kind: float(age) for kind, age in await cursor.fetchall()}
