"""`tandem-manage upgrade_database`: migrations and rights, as tandem_owner; what a deployment runs before the new pods."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

LOCK = "tandem.upgrade_database"


class Command(BaseCommand):
    help = "Apply migrations, then rights. A second upgrade waits for the first, and finds nothing to do."

    def handle(self, *args: Any, **options: Any) -> None:
        with _alone():
            call_command("migrate", interactive=False, stdout=self.stdout)
            call_command("apply_grants", stdout=self.stdout)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock of the session that migrates: when that ends, whatever the reason, the lock is free."""
    with connection.cursor() as cursor:
        # The limit for locks is for those that migrations take on tables.
        cursor.execute("SET lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        cursor.execute("RESET lock_timeout")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [LOCK])
