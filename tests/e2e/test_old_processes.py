"""The last release's processes on this release's tables and rights, as between a migration and the end of the old pods.

The last release is the newest tag; in a history that has none, what was there before the newest migration.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import NoReturn

import pytest
from rich.console import Console
from tandem_local.processes import Command
from tandem_local.programs import program
from tandem_local.progress import Progress
from tandem_local.scenario import play
from tandem_local.services import Wiring
from tandem_local.system import running_system

CHECKOUT = Path(__file__).parents[2]
# The provider's stand-in is not part of the release, and has no tables.
OLD = {"admin", "api", "relay", "orders", "notifications", "webhooks"}
# What the charts run on a schedule.
SCHEDULED = (
    ("tandem-manage", "publish_scheduled"),
    ("tandem-manage", "clearsessions"),
    ("tandem-manage", "oidc_cleartokens"),
    ("tandem-worker", "purge"),
)


def migrations(release: Path) -> set[str]:
    """Their paths in the repository."""
    return {str(file.relative_to(release)) for file in release.glob("services/*/src/*/*/migrations/0*.py")}


def git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, check=False)
    if done.returncode:
        no_history(f"git {arguments[0]}: {done.stderr.decode().strip()}")
    return done.stdout.strip() if arguments[0] != "archive" else done.stdout


def no_history(why: str) -> NoReturn:
    """An archive of the sources has none; a checkout of CI's has to have it."""
    if os.environ.get("CI"):
        pytest.fail(f"the history is not there: {why}")
    pytest.skip(f"needs the history: {why}")


def last_release() -> str:
    if tags := git("tag", "--merged", "HEAD~1", "--sort=-version:refname", "v*").decode().split():
        return tags[0]
    there = sorted(migrations(CHECKOUT))
    if not (newest := git("log", "-1", "--format=%H", "--diff-filter=A", "--", *there).decode()):
        no_history("it does not say when a migration came")
    return f"{newest}~1"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the last release."""
    folder = tmp_path_factory.mktemp("old")
    with zipfile.ZipFile(BytesIO(git("archive", "--format=zip", last_release(), "services", "libs"))) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the system keeps its data; its parents let the account of Postgres pass."""
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o755)
    return tmp_path / "home"


def with_sources(environment: Mapping[str, str], release: Path) -> dict[str, str]:
    """An environment in which the packages of that release go before those that are installed."""
    sources = [str(place) for place in sorted(release.glob("*/*/src"))]
    return {**environment, "PYTHONPATH": os.pathsep.join(sources)}


def test_old_processes_do_their_work_on_new_tables(old: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class OldServices(Wiring):
        """Services of the last release; migrations, rights and topics are of this one."""

        def commands(self) -> dict[str, Command]:
            return {
                name: replace(command, env=with_sources(command.env or {}, old)) if name in OLD else command
                for name, command in super().commands().items()
            }

    monkeypatch.setattr("tandem_local.system.Wiring", OldServices)
    assert migrations(old) <= migrations(CHECKOUT)  # a migration that was published stays

    with running_system(home, Progress(Console(file=sys.stderr)), stop=Event()) as system:
        play(system)
        for command in SCHEDULED:
            run(command, system.wiring, old)
        running = {name: command.env or {} for name, command in system.wiring.commands().items()}

    for name in OLD:
        assert imported_from(running[name]).is_relative_to(old), name


def run(command: Sequence[str], wiring: Wiring, release: Path) -> None:
    settings = wiring.admin_settings() if command[0] == "tandem-manage" else wiring.settings("tandem_purge")
    environment = with_sources(os.environ | settings, release)
    done = subprocess.run([program(command[0]), *command[1:]], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def imported_from(environment: Mapping[str, str]) -> Path:
    """Where a process with that environment has Tandem's packages from."""
    statement = "import tandem_runtime; print(tandem_runtime.__file__)"
    done = subprocess.run([sys.executable, "-c", statement], env=dict(environment), capture_output=True, check=True)
    return Path(done.stdout.decode().strip())
