"""Processes that end when we end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from threading import Event

import psutil

from tandem_local import guard
from tandem_local.accounts import Account
from tandem_local.cache import Interrupted

LOG_LINES_SHOWN = 25


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, and how to stop it: with `stop`, and with SIGKILL after `grace` seconds."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    stop: Signals = SIGTERM
    grace: float = 10
    account: Account | None = None
    holds: Sequence[int] = ()
    """Descriptors of lock files: locked until the last process of the command has ended."""
    niceness: int = 0


class ProcessFailed(Exception):  # noqa: N818 - reads as what happened
    """A part ended that should not have, or did not become ready; the message has the end of its log."""

    def __init__(self, command: Command, reason: str) -> None:
        self.command = command
        super().__init__(f"{command.name} {reason}\n{log_end(command.log)}")


class Running:
    """A started command."""

    def __init__(self, command: Command, process: "subprocess.Popen[bytes]") -> None:
        self.command = command
        self._process = process

    @property
    def ended(self) -> int | None:
        """The exit status (128 + number when a signal killed it), or None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Raise ProcessFailed when it has ended."""
        status = self.ended
        if status is not None:
            raise ProcessFailed(self.command, f"ended with status {status}")

    def wait_until(
        self, ready: Callable[[], bool], *, seconds: float = 60, pause: float = 0.02, stop: Event | None = None
    ) -> None:
        """Return when `ready()` holds; raise ProcessFailed if it ends or takes longer, Interrupted if `stop` is set."""
        stop = stop or Event()
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise ProcessFailed(self.command, f"was not ready after {seconds:.0f} s")
            if stop.wait(pause):
                raise Interrupted

    def wait(self, *, seconds: float, stop: Event | None = None) -> None:
        """Return when it has ended with status 0; raise ProcessFailed else."""
        end = time.monotonic() + seconds
        while self.ended is None:
            if time.monotonic() > end:
                raise ProcessFailed(self.command, f"took longer than {seconds:.0f} s")
            if stop is not None and stop.is_set():
                raise Interrupted
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        if self.ended:
            self.check()

    def signal(self, number: Signals) -> None:
        """Send a signal to the command and what it started, past the guard that watches it; to nobody if it has ended.

        Processes that left its process group, such as the backends of Postgres, do not get it.
        """
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            for child in psutil.Process(self._process.pid).children():
                os.killpg(child.pid, number)

    def memory_bytes(self) -> int:
        """What the command and what it started have in memory (PSS): what they share is counted once."""
        return sum(one.memory_full_info().pss for one in psutil.Process(self._process.pid).children(recursive=True))

    def processor_seconds(self) -> float:
        """What the command and what it started have used of processors."""
        times = [one.cpu_times() for one in psutil.Process(self._process.pid).children(recursive=True)]
        return sum(one.user + one.system for one in times)

    def ask_to_stop(self) -> None:
        """Begin to stop it; `stop()` waits for the end."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Stop it, and return when it has ended."""
        self.ask_to_stop()
        self._process.wait()


def start(command: Command) -> Running:
    """Start the command under a guard: it ends when `stop()` is called, or when this process is gone."""
    command.log.parent.mkdir(parents=True, exist_ok=True)
    account = f"{command.account.uid}:{command.account.gid}" if command.account else "-"
    kept = ",".join(map(str, command.holds))
    argv = [sys.executable, "-I", "-S", guard.__file__, str(int(command.stop)), str(command.grace), account, kept]
    if command.niceness:
        argv[:0] = ["nice", "-n", str(command.niceness)]
    with command.log.open("wb") as log:
        process = subprocess.Popen(
            [*argv, *command.argv],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=command.env,
            cwd=command.cwd,
            pass_fds=command.holds,
            start_new_session=True,  # a Ctrl-C at the terminal reaches only us, and we stop the parts in order
        )
    return Running(command, process)


@contextmanager
def running_process(command: Command) -> Iterator[Running]:
    """Run the command while the block runs."""
    running = start(command)
    try:
        yield running
    finally:
        running.stop()


def run(command: Command, *, seconds: float = 120, stop: Event | None = None) -> str:
    """Run the command to its end and return what it wrote; raise ProcessFailed unless its status is 0."""
    with running_process(command) as running:
        running.wait(seconds=seconds, stop=stop)
    return command.log.read_text(errors="replace")


def log_end(log: Path, lines: int = LOG_LINES_SHOWN) -> str:
    """The last lines of the log, indented, after its path."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
            end = file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        end = []
    return "\n".join([f"the end of {log}:", *(f"    {line}" for line in end or ["(empty)"])])
