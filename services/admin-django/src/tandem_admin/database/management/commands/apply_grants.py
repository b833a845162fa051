"""`tandem-manage apply_grants`: after `migrate`, as tandem_owner."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction

from tandem_admin.database.grants import ROLES
from tandem_admin.database.roles import apply_grants


class Command(BaseCommand):
    help = "Make the rights of the services' database roles what tandem_admin.database.grants declares."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            apply_grants(cursor.cursor)
        self.stdout.write(f"grants applied: {', '.join(ROLES)}")
