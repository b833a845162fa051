"""The bootstrap: what it installs and when, with a pip and a uv that only note how they are called."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

START = Path(__file__).resolve().parents[1] / "start.py"

# As `python -m pip install --target DIRECTORY uv==VERSION`; its uv makes an environment of one command.
PIP = """
import pathlib, sys
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
(target / "bin").mkdir(parents=True)
uv = target / "bin" / "uv"
uv.write_text('''#!/bin/sh
echo "$@" >> calls
test ! -e broken || { echo "the lock does not fit" >&2; exit 2; }
mkdir -p .venv/bin
printf '#!/bin/sh\\\\necho "ran $@ in $PWD"' > .venv/bin/hello
chmod +x .venv/bin/hello
''')
uv.chmod(0o755)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "libs" / "local").mkdir(parents=True)
    shutil.copy(START, tmp_path / "libs" / "local")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "uv.lock").write_text("1")
    (tmp_path / "fake" / "pip").mkdir(parents=True)
    (tmp_path / "fake" / "pip" / "__main__.py").write_text(PIP)
    return tmp_path


def _start(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(checkout / "libs" / "local" / "start.py"), *arguments],
        env=os.environ | {"PYTHONPATH": str(checkout / "fake")},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _calls(checkout: Path) -> int:
    return len((checkout / "calls").read_text().splitlines())


def test_the_first_start_installs_and_becomes_the_command(checkout: Path) -> None:
    done = _start(checkout, "hello", "to", "you")
    assert done.stdout == f"ran to you in {checkout}\n"
    assert [line.split(" … ")[0] for line in done.stderr.splitlines()] == [
        "installing uv 0.13.9",
        "installing the workspace from uv.lock",
    ]
    assert "sync --frozen" in (checkout / "calls").read_text()


def test_the_next_start_installs_nothing_until_the_lock_changes(checkout: Path) -> None:
    _start(checkout, "hello")
    assert _start(checkout, "hello").stderr == ""
    assert _calls(checkout) == 1
    (checkout / "uv.lock").write_text("2")
    assert "installing the workspace" in _start(checkout, "hello").stderr
    assert _calls(checkout) == 2


def test_a_failed_installation_shows_why_and_is_tried_again(checkout: Path) -> None:
    (checkout / "broken").touch()
    failed = _start(checkout, "hello")
    assert failed.returncode == 1
    assert "the lock does not fit" in failed.stderr
    (checkout / "broken").unlink()
    assert _start(checkout, "hello").returncode == 0


def test_two_first_starts_install_once(checkout: Path) -> None:
    command = [sys.executable, str(checkout / "libs" / "local" / "start.py"), "hello"]
    environment = os.environ | {"PYTHONPATH": str(checkout / "fake")}
    starts = [
        subprocess.Popen(command, env=environment, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [start.wait(60) for start in starts] == [0, 0, 0]
    assert _calls(checkout) == 1


def test_an_unknown_command_is_named(checkout: Path) -> None:
    done = _start(checkout, "nonsense")
    assert done.returncode == 1
    assert "there is no command nonsense" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_it_stops_with_its_parent_when_told_to(checkout: Path) -> None:
    _start(checkout, "hello")
    (checkout / ".venv" / "bin" / "hello").write_text("#!/bin/sh\necho $$ > pid\nexec sleep 60\n")
    start = [sys.executable, str(checkout / "libs" / "local" / "start.py"), "--stop-with-parent", "hello"]
    parent = subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.run({start!r})"], cwd=checkout)
    pid = checkout / "pid"
    end = time.monotonic() + 20
    while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < end:
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    child = Path("/proc", pid.read_text().strip(), "stat")
    while child.exists() and child.read_text().split()[2] != "Z" and time.monotonic() < end:
        time.sleep(0.05)
    assert not child.exists() or child.read_text().split()[2] == "Z"
