"""How a process learns that it should stop."""

import asyncio
import os
import signal
import sys

import structlog

from tandem_runtime.health import Health

log = structlog.get_logger()


def stop_on_signals(stop: asyncio.Event | None = None, health: Health | None = None) -> asyncio.Event:
    """Return an event (the given one) that SIGTERM or SIGINT sets; a second signal ends the process at once.

    `health`, when given, is no longer ready before the log says "stopping".
    Call it in the running loop, on the main thread. The hard end has status 128 + signal.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            log.warning("stopped hard by a second signal", signal=number.name)
            os._exit(128 + number)
        if health is not None:
            health.set_ready(False)
        log.info("stopping", signal=number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop


def end_on_sigterm() -> None:
    """Have SIGTERM end a process without an event loop, with status 143, its transaction rolled back.

    That is the default, but not for the first process of a container: the kernel drops what it has no handler for.
    """
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
