"""Whatever process dies, its children do not outlive it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tandem_local.processes import Command, ProcessFailed, run, running_process

# A master, which obeys SIGTERM or does not, and its worker, which never does; it writes both pids.
MASTER = """
import os, signal, subprocess, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
unfinished = sys.argv[1] + ".unfinished"
open(unfinished, "w").write(f"{os.getpid()} {worker.pid}")
os.rename(unfinished, sys.argv[1])
time.sleep(60)
"""

STARTER = """
import sys, time
from pathlib import Path
from tandem_local.processes import Command, running_process
log, *argv = sys.argv[1:]
with running_process(Command(name="master", argv=argv, log=Path(log), grace=0.5)):
    time.sleep(60)
"""


def _eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _started(pids: Path) -> list[int]:
    assert _eventually(pids.exists)
    return [int(pid) for pid in pids.read_text().split()]


def _master(directory: Path, manner: str) -> list[str]:
    return [sys.executable, "-c", MASTER, str(directory / "pids"), manner]


@pytest.mark.parametrize("manner", ["obedient", "stubborn"])
def test_a_killed_starter_leaves_neither_master_nor_worker(tmp_path: Path, manner: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "log"), *_master(tmp_path, manner)]
    ) as starter:
        pids = _started(tmp_path / "pids")
        starter.send_signal(signal.SIGKILL)
    assert _eventually(lambda: all(map(_gone, pids))), pids


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_killed_guard_takes_the_command_with_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"]
    command = Command(name="sleeper", argv=argv, log=tmp_path / "log")
    with running_process(command) as running:
        running.wait_until(lambda: command.log.read_text().endswith("\n"))
        sleeper = psutil.Process(int(command.log.read_text()))
        guard = sleeper.parent()
        assert guard is not None
        guard.send_signal(signal.SIGKILL)
        assert _eventually(lambda: _gone(sleeper.pid))
        assert _eventually(lambda: running.ended is not None)


def test_what_ignores_the_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    with running_process(
        Command(name="master", argv=_master(tmp_path, "stubborn"), log=tmp_path / "log", grace=0.3)
    ) as running:
        pids = _started(tmp_path / "pids")
        began = time.monotonic()
        running.stop()
    assert time.monotonic() - began >= 0.3
    assert running.ended == 128 + signal.SIGKILL
    assert _eventually(lambda: all(map(_gone, pids)))


def test_workers_of_a_master_that_crashed_are_killed(tmp_path: Path) -> None:
    with running_process(Command(name="master", argv=_master(tmp_path, "obedient"), log=tmp_path / "log")) as running:
        master, worker = _started(tmp_path / "pids")
        os.kill(master, signal.SIGKILL)
        assert _eventually(lambda: running.ended == 128 + signal.SIGKILL)
        assert _eventually(lambda: _gone(worker))


def test_the_command_gets_the_signal_it_wants_and_time_to_obey(tmp_path: Path) -> None:
    program = """
import signal, sys, time
def obey(*_):
    time.sleep(0.5)
    print("obeyed", flush=True)
    sys.exit(7)
signal.signal(signal.SIGINT, obey)
print("ready", flush=True)
time.sleep(60)
"""
    log = tmp_path / "log"
    command = Command(name="polite", argv=[sys.executable, "-c", program], log=log, stop=signal.SIGINT)
    with running_process(command) as running:
        running.wait_until(lambda: "ready" in log.read_text())
    assert log.read_text() == "ready\nobeyed\n"
    assert running.ended == 7


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "print(*range(100), sep='\\n'); print('the reason'); raise SystemExit(3)"]
    with pytest.raises(ProcessFailed, match="ended with status 3") as failure:
        run(Command(name="Failing", argv=argv, log=tmp_path / "log"))
    assert "the reason" in str(failure.value)
    assert "    99\n" in str(failure.value)
    assert "    10\n" not in str(failure.value)


def test_a_command_that_does_not_exist_is_a_failure_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="No such file"):
        run(Command(name="Nothing", argv=[str(tmp_path / "nothing")], log=tmp_path / "log"))


def test_a_signal_reaches_master_and_worker_past_the_guard(tmp_path: Path) -> None:
    command = Command(name="master", argv=_master(tmp_path, "stubborn"), log=tmp_path / "log", grace=0.5)
    with running_process(command) as running:
        processes = [psutil.Process(pid) for pid in _started(tmp_path / "pids")]
        running.signal(signal.SIGSTOP)
        assert _eventually(lambda: {process.status() for process in processes} == {psutil.STATUS_STOPPED})
        running.signal(signal.SIGKILL)
        assert _eventually(lambda: running.ended == 128 + signal.SIGKILL)
        running.signal(signal.SIGKILL)  # there is nobody left: no error
