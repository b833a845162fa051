"""The services' commands, and the database roles they use."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from urllib.parse import quote, urlsplit, urlunsplit

from tandem_local.processes import Command, run

OWNER = "tandem_owner"
ROLES = (OWNER, "tandem_admin", "tandem_api", "tandem_worker", "tandem_relay")


def program(name: str) -> str:
    """The path of a console script of this environment."""
    return str(Path(sys.executable).with_name(name))


def manage(
    command: str, *arguments: str, env: Mapping[str, str], logs: Path, seconds: float = 120, stop: Event | None = None
) -> str:
    """Run `tandem-manage` with these variables added to our own; return its output, raise ProcessFailed."""
    return run(
        Command(
            name=f"tandem-manage {command}",
            argv=[program("tandem-manage"), command, *arguments],
            log=logs / f"manage-{command}.log",
            env=os.environ | env,
        ),
        seconds=seconds,
        stop=stop,
    )


def database_url(server: str, role: str, password: str, database: str) -> str:
    """The URL of a database on the server of another URL, for one role."""
    parts = urlsplit(server)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{host}", path=f"/{database}"))
