"""Ending on Ctrl-C, SIGTERM and SIGHUP, and when the one who started us is gone."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Raised in the main thread, once, by the first of the signals."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextmanager
def stopping_on_signals() -> Iterator[Event]:
    """Yield an event that the first signal sets, for threads that wait; the main thread gets StopRequested.

    Further signals are ignored: stopping takes seconds, and impatience must not leave half of it undone.
    """
    stop = Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            raise StopRequested(number)

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    _watch_parent(stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch_parent(stop: Event) -> None:
    """When `make` started us, end with it: on Linux the kernel tells us so already, elsewhere we have to look."""
    child, _, parent = os.environ.pop("TANDEM_PARENT", "").partition(":")
    if child != str(os.getpid()):
        return

    def watch() -> None:
        while not stop.wait(0.5):
            if os.getppid() != int(parent):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    Thread(target=watch, name="parent-watch", daemon=True).start()
