"""`tandem exec`: a command with the settings of the system that is running."""

import fcntl
import json
import os
import subprocess
from pathlib import Path

import pytest
from tandem_local.credentials import kept_credentials
from tandem_local.programs import program
from tandem_local.services import kept_ports

TELL = "import json, os, shutil; print(json.dumps(dict(os.environ, worker=shutil.which('tandem-worker'))))"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """As `tandem up` leaves it."""
    kept_ports(tmp_path / "ports.json")
    kept_credentials(tmp_path / "secrets.json")
    for name, text in {"lock": "1", "postgres/port": "5433", "kafka/ports": "9095 9096"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [program("tandem"), "exec", *arguments]
    env = os.environ | {"TANDEM_HOME": str(home), "PATH": os.defpath}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_a_command_gets_the_settings_of_the_running_system_and_a_role(home: Path) -> None:
    with (home / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = json.loads(run(home, "--role", "tandem_relay", "python", "-c", TELL).stdout)

    password = kept_credentials(home / "secrets.json").role_passwords["tandem_relay"]
    assert told["TANDEM_DATABASE_URL"] == f"postgresql://tandem_relay:{password}@127.0.0.1:5433/tandem"
    assert told["TANDEM_KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9095"
    assert told["TANDEM_ENVIRONMENT"] == "development"
    assert told["worker"] == program("tandem-worker")


def test_without_a_running_system_it_is_told_and_nothing_runs(home: Path) -> None:
    ended = run(home, "python", "-c", TELL)

    assert ended.returncode == 1
    assert "is not running" in ended.stdout
    assert "{" not in ended.stdout


def test_the_commands_own_status_and_options_are_left_alone(home: Path) -> None:
    with (home / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(home, "sh", "-c", "exit 7", "--help").returncode == 7
        assert run(home, "no-such-command").returncode == 1
        assert run(home, "--role", "nobody", "true").returncode == 2
