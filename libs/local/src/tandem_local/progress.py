"""What a person who waits wants to know: which part is at what, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from rich.console import Console
from rich.status import Status


class Progress:
    """A line for each step that is done; on a terminal also a moving one with what goes on."""

    def __init__(self, console: Console) -> None:
        self.began = time.monotonic()
        self._console = console
        self._active: list[str] = []
        self._lock = Lock()
        self._status: Status | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    @contextmanager
    def step(self, part: str, doing: str) -> Iterator[None]:
        """Show the step while the block runs, and how long it took when it is done."""
        label = f"{part}: {doing}"
        began = time.monotonic()
        self._show(add=label)
        try:
            yield
        except BaseException:
            self._show(remove=label)
            raise
        self._show(remove=label)
        self.say(
            f"[dim]{self.elapsed:6.1f} s[/]  [bold]{part:<16}[/] {doing} [dim]({time.monotonic() - began:.1f} s)[/]"
        )

    def say(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone: no reason not to stop the parts in order
            self._console.print(text, highlight=False, soft_wrap=True)

    def _show(self, *, add: str | None = None, remove: str | None = None) -> None:
        if not self._console.is_terminal:
            return
        with self._lock:
            if add:
                self._active.append(add)
            if remove in self._active:
                self._active.remove(remove)
            text = " · ".join(self._active)
            if self._status is None and text:
                self._status = self._console.status(text)
                self._status.start()
            elif self._status is not None and text:
                self._status.update(text)
            elif self._status is not None:
                self._status.stop()
                self._status = None
