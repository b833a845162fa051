"""The services' commands, and the database roles they use."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from urllib.parse import quote, urlsplit, urlunsplit

from tandem_local.processes import Command, run

OWNER = "tandem_owner"
ROLES = (
    OWNER,
    "tandem_admin",
    "tandem_api",
    "tandem_worker",
    "tandem_notifications",
    "tandem_webhooks",
    "tandem_relay",
    "tandem_purge",
)


def program(name: str) -> str:
    """The path of a console script of this environment."""
    return str(Path(sys.executable).with_name(name))


# Django takes longer to start than most commands take to run: one start for several of them.
SEVERAL_COMMANDS = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tandem_admin.settings")
os.environ.setdefault("TANDEM_DATABASE_STATEMENT_TIMEOUT", "0")
import django
from django.core.management import CommandError, call_command
django.setup()
for name in sys.argv[1:]:
    try:
        call_command(name)
    except CommandError as error:
        sys.exit(f"{name}: {error}")
"""


def manage(*commands: str, env: Mapping[str, str], logs: Path, stop: Event | None = None) -> None:
    """Run management commands (`tandem-manage`), with these variables added to our own; raise ProcessFailed."""
    one = [program("tandem-manage"), *commands]
    several = [program("python"), "-c", SEVERAL_COMMANDS, *commands]
    name = ", ".join(commands)
    log = logs / f"manage-{'-'.join(commands)}.log"
    argv = one if len(commands) == 1 else several
    run(Command(name=f"tandem-manage {name}", argv=argv, log=log, env=os.environ | env), seconds=300, stop=stop)


def database_url(server: str, role: str, password: str, database: str) -> str:
    """The URL of a database on the server of another URL, for one role."""
    parts = urlsplit(server)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{host}", path=f"/{database}"))
