"""Servers that one process of a test run starts when any of its processes first asks.

Asking and answering are files in the run's directory, so it is the same with one process or with many workers.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Event, Thread

from tandem_local.cache import Interrupted
from tandem_local.postgres import remove_postgres

PREFIX = "tandem-tests-"

ServerFactory = Callable[[Path, Event], AbstractContextManager[str]]


class SharedServers:
    """The directory of a run, and a thread for each server that somebody may ask for."""

    def __init__(self, servers: Mapping[str, ServerFactory]) -> None:
        remove_leftovers()
        self.directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.directory.chmod(0o711)  # Postgres of a run as root is another user, and passes through
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._stop = Event()
        self._threads = [Thread(target=self._serve, args=server, daemon=True) for server in servers.items()]
        for thread in self._threads:
            thread.start()

    def _serve(self, name: str, server: ServerFactory) -> None:
        while not (self.directory / f"{name}.wanted").exists():
            if self._stop.wait(0.05):
                return
        try:
            with server(self.directory, self._stop) as address:
                _publish(self.directory / f"{name}.address", address)
                self._stop.wait()
        except Interrupted:
            pass
        except Exception as error:  # noqa: BLE001 - those who asked raise it
            _publish(self.directory / f"{name}.failed", f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Stop the servers and remove the directory."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        remove_postgres(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)


def ask_for(directory: Path, name: str) -> None:
    """Have the server started; returns at once."""
    (directory / f"{name}.wanted").touch()


def address_of(directory: Path, name: str, *, seconds: float = 300) -> str:
    """Return the server's address as soon as it serves; raise RuntimeError when it does not start."""
    ask_for(directory, name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(FileNotFoundError):
            return (directory / f"{name}.address").read_text()
        with suppress(FileNotFoundError):
            raise RuntimeError((directory / f"{name}.failed").read_text())
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not start within {seconds:.0f} s")


def remove_leftovers() -> None:
    """Remove directories of runs that were killed: what they locked is free."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        locks = [directory / "lock", directory / "postgres" / "lock", directory / "kafka" / "lock"]
        with suppress(OSError):
            if directory.stat().st_uid == os.geteuid() and (directory / "lock").exists() and not any(map(_held, locks)):
                remove_postgres(directory)
                shutil.rmtree(directory, ignore_errors=True)


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _publish(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.rename(path)
