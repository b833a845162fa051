"""`tandem-manage wait_for_schema`: for an init container, where the upgrade runs beside the new pods."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from tandem_admin.readiness import DatabaseReadiness

PAUSE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Return when the database has the tables that this release expects. Changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=300, help="after which it is an error")

    def handle(self, *args: Any, seconds: float, **options: Any) -> None:
        deadline = time.monotonic() + seconds
        look = DatabaseReadiness()
        told = None
        while (reason := _reason(look)) is not None:
            if time.monotonic() >= deadline:
                raise CommandError(f"after {seconds:g} s: {reason}")
            if reason != told:
                self.stdout.write(f"waiting: {reason}")
                told = reason
            time.sleep(PAUSE_SECONDS)
        self.stdout.write("the schema is there")


def _reason(look: DatabaseReadiness) -> str | None:
    try:
        return look()
    except (OperationalError, ProgrammingError) as error:  # no server, no database, or no right to look yet
        return str(error).strip()
