"""The back office as a process, and a member of staff at it."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tandem_local.databases import Database
from tandem_local.logins import STAFF
from tandem_local.ports import free_port
from tandem_local.programs import program
from tandem_local.scenario.browser import Browser
from tandem_local.scenario.staff import Staff

from benchmarks.measuring.surroundings import Surroundings


@contextmanager
def back_office(
    around: Surroundings, database: Database, *, patience_seconds: float = 20, **settings: str
) -> Iterator[Browser]:
    """With the store of the demonstration; `settings` are those of the admin that are not the defaults."""
    port, password = free_port(), secrets.token_urlsafe()
    own = {
        "TANDEM_ENVIRONMENT": "test",  # production asks for https and collected files, which change no figure
        "TANDEM_DATABASE_URL": database.url("tandem_admin"),
        "TANDEM_PORT": str(port),
        "TANDEM_ADMIN_URL": f"http://127.0.0.1:{port}",
        "TANDEM_STAFF_SECOND_FACTOR": "false",
    }
    passwords = {"TANDEM_DEMO_STAFF_PASSWORD": password, "TANDEM_DEMO_CUSTOMER_PASSWORD": password}
    _manage(own | passwords, "load_demo")
    argv = ["gunicorn", "-c", "python:tandem_admin.gunicorn", "tandem_admin.wsgi"]
    with (
        around.service(f"admin-{around.next_number()}", argv, own | settings),
        Browser(own["TANDEM_ADMIN_URL"], patience_seconds=patience_seconds) as browser,
    ):
        Staff(browser).log_in(STAFF, password)
        yield browser


def _manage(settings: dict[str, str], command: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TANDEM_", "OTEL_"))}
    subprocess.run([program("tandem-manage"), command], env=environment | settings, check=True, capture_output=True)
