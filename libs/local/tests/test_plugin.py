"""The pytest plugin: servers once per run, only when they are asked for, and nothing left of a run that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

USES_POSTGRES = """
import os
from pathlib import Path
import psycopg
import pytest

@pytest.mark.parametrize("number", range(4))
def test_connects(postgres_server, number):
    with psycopg.connect(postgres_server) as connection:
        started = connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0]
    Path(os.environ["NOTES"], f"{started.timestamp()}").touch()
"""

USES_NOTHING = """
import os
import tempfile
import time
from pathlib import Path

def test_nothing():
    time.sleep(0.3)
    (directory,) = Path(tempfile.gettempdir()).glob("tandem-tests-*")
    Path(os.environ["NOTES"], "seen").write_text(" ".join(path.name for path in directory.iterdir()))
"""

WAITS = """
import time

def test_waits(postgres_server):
    print("waiting", postgres_server, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "temporary").chmod(0o711)
    (tmp_path / "notes").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return tmp_path


def _command(*options: str) -> list[str]:
    # Neither Django nor its plugin has a part in this.
    return [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tandem_local.testing",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
        *options,
    ]


def _environment(project: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TANDEM_TEST_"))}
    return kept | {"TMPDIR": str(project / "temporary"), "NOTES": str(project / "notes")}


def _run(project: Path, text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    (project / "test_it.py").write_text(text)
    return subprocess.run(
        _command(*options), cwd=project, env=_environment(project), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_all_workers_share_one_server_and_leave_nothing(project: Path, workers: str) -> None:
    done = _run(project, USES_POSTGRES, "-n", workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((project / "notes").iterdir())) == 1
    assert list((project / "temporary").glob("tandem-tests-*")) == []


def test_a_run_that_needs_no_server_starts_none(project: Path) -> None:
    done = _run(project, USES_NOTHING)
    assert done.returncode == 0, done.stdout
    assert (project / "notes" / "seen").read_text() == "lock"


def test_a_killed_run_leaves_no_process_and_its_files_go_with_the_next(project: Path) -> None:
    (project / "test_it.py").write_text(WAITS)
    with subprocess.Popen(
        _command("-s"), cwd=project, env=_environment(project), stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        assert any("waiting" in line for line in killed.stdout)
        (directory,) = (project / "temporary").glob("tandem-tests-*")
        postmaster = int((directory / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
        killed.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while Path(f"/proc/{postmaster}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{postmaster}").exists()
    assert directory.exists()
    assert _run(project, USES_NOTHING).returncode == 0
    assert not directory.exists()


def test_given_servers_are_used_as_they_are(project: Path, postgres_server: str) -> None:
    (project / "test_it.py").write_text(USES_POSTGRES)
    environment = _environment(project) | {"TANDEM_TEST_POSTGRES_URL": postgres_server}
    done = subprocess.run(_command("-q"), cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    with psycopg.connect(postgres_server) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
    assert row is not None
    assert [path.name for path in (project / "notes").iterdir()] == [f"{row[0].timestamp()}"]
