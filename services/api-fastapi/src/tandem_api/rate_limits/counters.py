"""Counters of this process, as a storage of the library `limits`."""

import time

from limits.aio.storage import Storage

# So often the counters of clients that went away are dropped.
SWEEP_SECONDS = 60.0


class Counters(Storage):
    """Fixed windows, each begun by a client's first request.

    The library's own memory storage looks at all keys after every request: with ten thousand clients that takes
    longer than the request.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        if now > self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS
            self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
        count, end = self._windows.get(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + expiry
        self._windows[key] = (count + amount, end)
        return count + amount

    async def get(self, key: str) -> int:
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        kept = len(self._windows)
        self._windows.clear()
        return kept

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def __len__(self) -> int:
        return len(self._windows)
