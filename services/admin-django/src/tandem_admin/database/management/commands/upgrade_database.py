"""`tandem-manage upgrade_database`: migrations and rights, as tandem_owner, before a release's pods."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

LOCK = "tandem.upgrade_database"
PAUSE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Apply migrations, then rights. A second upgrade waits for the first, and finds nothing to do."

    def handle(self, *args: Any, **options: Any) -> None:
        with _alone():
            call_command("migrate", interactive=False, stdout=self.stdout)
            call_command("apply_grants", stdout=self.stdout)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock of the session that migrates: when that ends, whatever the reason, the lock is free."""
    # Asked for again and again: a statement that waits has a snapshot, for which CREATE INDEX CONCURRENTLY would wait.
    while not _select("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"):
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        _select("SELECT pg_advisory_unlock(hashtextextended(%s, 0))")


def _select(statement: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCK])
        return bool(cursor.fetchone()[0])
