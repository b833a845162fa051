"""What is downloaded or prepared once and shared by every run of this user."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event


class Interrupted(Exception):  # noqa: N818 - nothing went wrong: somebody asked us to stop
    """The wait was given up because the run is being stopped."""


def cache_home() -> Path:
    """The cache directory: $TANDEM_CACHE, else tandem in the user's XDG cache."""
    named = os.environ.get("TANDEM_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tandem"


@contextmanager
def locked(path: Path, *, seconds: float = 600, stop: Event | None = None) -> Iterator[int]:
    """Hold the lock on `path`, and yield its file descriptor.

    A child that inherits the descriptor holds the lock too, until it ends.
    Raises TimeoutError when someone else has it for longer than `seconds`, Interrupted when `stop` is set meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for_lock(descriptor, path, time.monotonic() + seconds, stop or Event())
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: Path, end: float, stop: Event) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise TimeoutError(f"{path} is locked by another process") from None
        if stop.wait(0.05):
            raise Interrupted


def made_once(target: Path, make: Callable[[Path], None], *, stop: Event | None = None) -> Path:
    """Return `target`, made by `make(directory)` if it is not there yet.

    `make` fills a new directory beside it, which takes its name only when complete; others wait meanwhile.
    """
    if target.exists():
        return target
    with locked(target.with_name(f".{target.name}.lock"), stop=stop):
        if not target.exists():
            for abandoned in target.parent.glob(f".{target.name}.making-*"):  # by a process that was killed
                shutil.rmtree(abandoned, ignore_errors=True)
            unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.making-", dir=target.parent))
            try:
                make(unfinished)
                unfinished.chmod(0o755)
                unfinished.rename(target)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return target
