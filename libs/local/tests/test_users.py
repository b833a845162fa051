"""Postgres refuses to run as root: it runs as somebody who can reach it, whoever we are and wherever we live."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tandem_local.postgres import remove_postgres, running_postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

AS_SOMEBODY = """
import os, sys
from pathlib import Path
import psycopg
from tandem_local.postgres import running_postgres
with running_postgres(Path.home() / "data", durable=False) as server, psycopg.connect(server.url) as connection:
    print(connection.execute("SELECT 'served'").fetchone()[0], os.geteuid())
"""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that others may pass through; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory(prefix="tandem-users-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


def _interpreter_of(user: str) -> str:
    """A Python of our version that the user may run; root's own may lie in root's home."""
    tell = "import psycopg, sys; print(*sys.version_info[:2])"
    for candidate in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if candidate is None:
            continue
        try:
            told = subprocess.run(
                [candidate, "-c", tell], user=user, env=_paths(), capture_output=True, text=True, check=True, cwd="/"
            )
        except (PermissionError, subprocess.CalledProcessError):
            continue
        if told.stdout.split() == [str(number) for number in sys.version_info[:2]]:
            return candidate
    pytest.skip(f"{user} cannot run this environment's Python")


def _paths() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_an_ordinary_user_runs_postgres_in_an_own_home(open_directory: Path) -> None:
    python = _interpreter_of("nobody")
    home = open_directory / "home"
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    done = subprocess.run(
        [python, "-c", AS_SOMEBODY],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        env=_paths() | {"HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == f"served {nobody.pw_uid}\n"


def test_root_runs_postgres_as_somebody_else(open_directory: Path) -> None:
    with running_postgres(open_directory, durable=False) as server, psycopg.connect(server.url):
        pid = int((open_directory / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_root_with_a_closed_home_keeps_the_data_where_the_server_reaches_it(
    open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem_local.postgres.SYSTEM_DATA", open_directory / "outside")
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    for _ in range(2):
        with running_postgres(closed, durable=False) as server, psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
    assert list((open_directory / "outside").iterdir())
    # A home that vanished without a word is noticed by the next run of another one.
    shutil.move(closed, open_directory / "moved")
    other = open_directory / "other"
    other.mkdir(mode=0o700)
    with running_postgres(other, durable=False):
        (kept,) = (open_directory / "outside").iterdir()
        assert kept.samefile((other / "postgres" / "data").resolve().parent)
    remove_postgres(other)
    assert not (other / "postgres").exists()
    assert not list((open_directory / "outside").iterdir())


def test_programs_in_a_closed_environment_are_copied_once_to_where_the_server_reaches_them(
    open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_CACHE", str(open_directory / "closed" / "cache"))
    monkeypatch.setattr("tandem_local.postgres_binaries.SYSTEM_CACHE", open_directory / "system")
    (open_directory / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(
        "tandem_local.postgres_binaries.reaches", lambda _, path: path.is_relative_to(open_directory / "system")
    )
    made = []
    for _ in range(2):
        with running_postgres(open_directory, durable=False) as server, psycopg.connect(server.url):
            (copy,) = (path for path in (open_directory / "system").iterdir() if path.is_dir())
            made.append(copy.stat().st_mtime_ns)
    assert made[0] == made[1]
