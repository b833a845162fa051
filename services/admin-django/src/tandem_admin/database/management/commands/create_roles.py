"""`tandem-manage create_roles`: for a Postgres without an operator of its own, such as a laptop's."""

import json
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from tandem_runtime.settings import setting

from tandem_admin.database.grants import OWNER, ROLES
from tandem_admin.database.roles import create_roles


class Command(BaseCommand):
    help = (
        "Create the roles and the database, as the superuser of TANDEM_SUPERUSER_URL, or one who may create both, "
        "with the passwords of TANDEM_ROLE_PASSWORDS (JSON: role to password)."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        url = setting("TANDEM_SUPERUSER_URL")
        passwords = json.loads(setting("TANDEM_ROLE_PASSWORDS") or "{}")
        missing = [role for role in (OWNER, *ROLES) if not passwords.get(role)]
        if not url or missing:
            raise CommandError(
                "Set TANDEM_SUPERUSER_URL, and in TANDEM_ROLE_PASSWORDS a password for each of: " + ", ".join(missing)
            )
        with psycopg.connect(url, autocommit=True) as creator:
            complaints = create_roles(creator, passwords, database="tandem")
        for complaint in complaints:
            self.stderr.write(complaint)
        self.stdout.write(f"roles ready: {', '.join((OWNER, *ROLES))}")
