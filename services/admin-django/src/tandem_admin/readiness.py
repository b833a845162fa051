"""Whether the admin can serve: its database answers, and has the tables that this release expects."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from prometheus_client import Gauge

MISSING_MIGRATIONS = Gauge("tandem_schema_missing_migrations", "Migrations of this release that are not applied.")


class DatabaseReadiness:
    """A check for `tandem_runtime.health`; the migrations are looked at until they are all there, once."""

    def __init__(self) -> None:
        self._migrated = False

    def __call__(self) -> str | None:
        try:
            if self._migrated:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return None
            return self._look_at_migrations()
        finally:
            # The operations port answers each probe in a new thread, whose connection nobody would use again.
            connection.close()

    def _look_at_migrations(self) -> str | None:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        MISSING_MIGRATIONS.set(len(missing))
        if missing:
            return f"{len(missing)} migrations are not applied, the first is {missing[0][0]}"
        self._migrated = True
        return None
