"""A pool of connections with a short queue."""

from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from tandem_api.metrics import REQUESTS_SHED


def short_queue(longest: int) -> type[AsyncAdaptedQueuePool]:
    """A class of pools in which at most so many requests wait for a connection.

    Whoever comes later is refused at once: they would wait for what those before them wait for in vain, and every one
    that waits keeps a place among the requests in progress, which others need that need no database.
    """

    class ShortQueuePool(AsyncAdaptedQueuePool):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._waiting = 0

        def _do_get(self) -> ConnectionPoolEntry:
            if self._waiting >= longest:
                REQUESTS_SHED.labels("database").inc()
                raise PoolTimeoutError(f"{longest} requests wait for a connection already")
            self._waiting += 1
            try:
                return super()._do_get()
            finally:
                self._waiting -= 1

    return ShortQueuePool
