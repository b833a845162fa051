"""Keeps a library that repeats itself from burying everything else in the log."""

import logging
import time
from collections.abc import Callable, Sequence


class FloodFilter(logging.Filter):
    """Let a message of the named loggers through once per period, with how many were held back since.

    `prefixes` select by logger name, `seconds` is the period; messages are told apart by logger and template.
    """

    def __init__(self, *, prefixes: Sequence[str], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._prefixes = tuple(prefixes)
        self._seconds = seconds
        self._clock = clock
        self._passed: dict[tuple[str, str], float] = {}
        self._held: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._prefixes):
            return True
        template = (record.name, str(record.msg))
        now = self._clock()
        if now - self._passed.get(template, float("-inf")) < self._seconds:
            self._held[template] = self._held.get(template, 0) + 1
            return False
        self._passed[template] = now
        if held := self._held.pop(template, 0):
            record.held_back = held
        return True
