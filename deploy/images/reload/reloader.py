"""The process that stays, and runs one service at a time."""

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
from collections import deque
from pathlib import Path
from types import FrameType

from early import Fence, Recorder, load, tell, try_out

STOP_SECONDS = 10.0
# So long without another import: the service has begun, and there is time for the next start.
SETTLED_SECONDS = 1.0
# Changes are one as long as there is another within a step. Without any, the watcher looks now and then if it is alone.
DEBOUNCE_MS, STEP_MS, ALONE_MS = 500, 50, 5000
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Reloader:
    """It has one thread, since it forks: the service, the watcher of the files, the scout of `early`.

    These tell it things through one pipe, signals wake it through another.
    """

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._fence = Fence(folders)
        self._signals, self._waker = os.pipe()
        self._messages, self._teller = os.pipe()
        self._rest = b""
        self._service = self._watcher = self._scout = 0
        self._status = 0
        self._changed = self._ending = False
        self._kill_at: float | None = None
        self._environs: dict[str, dict[str, str]] = {}
        self._untried: list[str] = []
        self._sound: deque[str] = deque()

    def run(self) -> int | None:
        """Return the service's status once it was to end; None in the fork that is to become the service."""
        os.set_blocking(self._waker, False)
        for number in HANDLED:
            signal.signal(number, wake)
        signal.set_wakeup_fd(self._waker)
        sys.meta_path.insert(0, self._fence)
        self._watcher = self._fork()
        if not self._watcher:
            watch(self._folders, self._teller)
        while self._service or not self._ending:
            if self._changed and not self._service:
                self._changed = False
                while self._sound:
                    self._prepare()  # or the service would import the same, beside us
                self._service = self._fork()
                if not self._service:
                    sys.meta_path[0] = Recorder(self._teller)
                    importlib.invalidate_caches()
                    return None
            self._wait()
        for helper in filter(None, (self._watcher, self._scout)):
            os.kill(helper, signal.SIGKILL)
        return self._status

    def _fork(self) -> int:
        """Fork; in the fork (0) signals do what they do in a new process."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        process = os.fork()
        if not process:
            os.setsid()  # a terminal's Ctrl-C is for us, who pass it on
            signal.set_wakeup_fd(-1)
            for number in HANDLED:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            for pipe in (self._signals, self._waker, self._messages):
                os.close(pipe)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        return process

    def _wait(self) -> None:
        """Take what has come, signals and messages; when nothing comes, prepare for the next start."""
        pause = SETTLED_SECONDS if self._kill_at or (self._untried and not self._scout) else None
        ready, _, _ = select.select([self._signals, self._messages], [], [], 0 if self._sound else pause)
        if self._signals in ready:
            for number in os.read(self._signals, 100):
                self._on_signal(number)
        if self._messages in ready:
            *lines, self._rest = (self._rest + os.read(self._messages, 65536)).split(b"\n")
            for line in lines:
                self._on_message(*json.loads(line))
        if self._service and self._kill_at and time.monotonic() > self._kill_at:
            os.killpg(self._service, signal.SIGKILL)
        if not ready:
            self._prepare()

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            while ended := ended_process():
                self._on_end(*ended)
            return
        # A second signal ends a service hard: the first may have been ours.
        if self._service and (self._ending or not self._kill_at):
            os.kill(self._service, number)
        self._ending = True

    def _on_end(self, process: int, status: int) -> None:
        if process == self._service:
            self._service, self._status, self._kill_at = 0, status, None
            if not (self._changed or self._ending):
                say(f"the service ended with status {status}, and begins anew when a file changes")
        elif process == self._scout:
            self._scout = 0
        elif process == self._watcher:
            sys.exit("reload: nobody watches the files any more")

    def _on_message(self, what: str, name: str = "", environ: dict[str, str] | None = None) -> None:
        if what == "watching":
            self._changed = True  # for the service that is to begin
        elif what == "changed":
            say("a file changed, the service begins anew")
            if self._service and not (self._kill_at or self._ending):
                os.kill(self._service, signal.SIGINT)
                self._kill_at = time.monotonic() + STOP_SECONDS
            self._changed = not self._ending
        elif what == "sound":
            self._sound.append(name)
        elif name not in self._environs and not self._fence.is_own(name):
            self._environs[name] = environ or {}
            self._untried.append(name)

    def _prepare(self) -> None:
        if self._sound:
            name = self._sound.popleft()
            load(name, self._environs[name])
            if not self._sound:
                gc.freeze()  # the memory that no collection touches is shared with the forks
        elif self._untried and not self._scout:
            self._scout = self._fork()
            if not self._scout:
                try_out({name: self._environs[name] for name in self._untried}, self._teller)
            self._untried.clear()


def watch(folders: list[Path], teller: int) -> None:
    """Be the watcher, in a process of its own since its library has threads."""
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415 - `watch()` does not say when it has begun

    parent = os.getppid()
    with RustNotify([str(one) for one in folders], False, False, 0, True, False) as notify:
        tell(teller, "watching")
        while os.getppid() == parent:
            changes = notify.watch(DEBOUNCE_MS, STEP_MS, ALONE_MS, None)
            if isinstance(changes, set) and any(path.endswith(".py") for _, path in changes):
                tell(teller, "changed")
    os._exit(0)


def ended_process() -> tuple[int, int] | None:
    """One of ours that has ended, or of nobody's since we are a container's first process, and its status."""
    try:
        process, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    code = os.waitstatus_to_exitcode(status)
    return (process, code if code >= 0 else 128 - code) if process else None


def wake(number: int, frame: FrameType | None) -> None:
    """Do nothing more than what a handled signal does: its number is in the pipe."""


def say(what: str) -> None:
    sys.stderr.write(f"reload: {what}\n")
    sys.stderr.flush()
