"""Whether a process makes progress, and whether it can serve."""

import time
from collections.abc import Callable

ReadinessCheck = Callable[[], str | None]


class Health:
    """What a process says about itself: liveness is progress, readiness is the ability to serve."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_beat = clock()
        self._ready = False
        self._checks: dict[str, ReadinessCheck] = {}

    def beat(self) -> None:
        """Say that the main loop turned."""
        self._last_beat = self._clock()

    @property
    def silent_seconds(self) -> float:
        return self._clock() - self._last_beat

    def alive(self, limit_seconds: float) -> bool:
        """Tell whether a beat (or the start) is at most `limit_seconds` ago."""
        return self.silent_seconds <= limit_seconds

    @property
    def ready(self) -> bool:
        return not self.reasons_against()

    def set_ready(self, ready: bool) -> None:
        self._ready = ready

    def add_check(self, name: str, check: ReadinessCheck) -> None:
        """Add a check to readiness: a quick callable, run in a thread, that returns None or why it cannot serve."""
        self._checks[name] = check

    def reasons_against(self) -> dict[str, str]:
        """Return why this process is not ready, by name; empty when it is."""
        reasons = {} if self._ready else {"process": "not ready: starting or stopping"}
        for name, check in self._checks.items():
            try:
                reason = check()
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its answer
                reason = f"{type(error).__name__}: {error}"
            if reason:
                reasons[name] = reason
        return reasons
