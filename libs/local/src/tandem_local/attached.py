"""A command beside the running system, with the settings of one of its processes."""

import fcntl
import json
import os
from pathlib import Path
from typing import NoReturn

from tandem_local.credentials import kept_credentials
from tandem_local.postgres import SUPERUSER
from tandem_local.programs import program
from tandem_local.services import Ports, Wiring


class NotRunningError(Exception):
    """There is no system running in the home."""


def settings_beside(home: Path, role: str) -> dict[str, str]:
    """What a process with this database role gets in the system that runs in `home`; NotRunningError if none does."""
    if not _is_running(home):
        raise NotRunningError(f"Tandem is not running in {home}: start it with `make up`.")
    postgres = home / "postgres"
    wiring = Wiring(
        home,
        Ports(**json.loads((home / "ports.json").read_text())),
        kept_credentials(home / "secrets.json"),
        traces="",
        postgres=f"postgresql://{SUPERUSER}@127.0.0.1:{(postgres / 'port').read_text()}/postgres",
        kafka=f"127.0.0.1:{(home / 'kafka' / 'ports').read_text().split()[0]}",
    )
    return wiring.admin_settings(role) | wiring.provider_settings()


def become(argv: list[str], settings: dict[str, str]) -> NoReturn:
    """Replace this process by the command, which finds the programs of this environment."""
    programs = str(Path(program("python")).parent)
    env = os.environ | settings | {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    os.execvpe(argv[0], argv, env)  # noqa: S606 - the person's own command


def _is_running(home: Path) -> bool:
    """Whether somebody holds the home's lock, as `tandem up` does for as long as it runs."""
    try:
        with (home / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
