"""How much a client may ask for, and how it is told."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from limits import RateLimitItem
from limits.aio.storage import Storage
from limits.errors import StorageError
from limits.storage import storage_from_string

from tandem_api.metrics import RATE_LIMIT_STORE_FAILURES, RATE_LIMITED
from tandem_api.rate_limits.classes import RouteClass
from tandem_api.rate_limits.counters import Counters

# A store that failed is left alone for so long: nobody waits for it meanwhile.
PAUSE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a client has left of a quota; `refused` when the request is beyond it. `reset` is in seconds from now."""

    route_class: RouteClass
    quota: int
    window: int
    remaining: int
    reset: int
    refused: bool

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 has them: structured fields, one policy."""
        return {
            "RateLimit-Policy": f'"{self.route_class}";q={self.quota};w={self.window}',
            "RateLimit": f'"{self.route_class}";r={self.remaining};t={self.reset}',
        }


class RateLimiter:
    """Counts requests by client and class of route, in this process or in a store that all pods share.

    A store that does not answer in `store_seconds` limits nobody: it must not be able to stop the API.
    """

    def __init__(
        self,
        limits: Mapping[RouteClass, RateLimitItem],
        *,
        store_url: str,
        store_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._storage: Storage = _shared(store_url, store_seconds) if store_url else Counters()
        self._store_seconds = store_seconds if store_url else None
        self._clock = clock
        self._paused_until = float("-inf")

    async def ask(self, route_class: RouteClass, client: str) -> Verdict | None:
        """Count a request; None when nothing limits it."""
        limit = self._limits.get(route_class)
        if limit is None or self._clock() < self._paused_until:
            return None
        key = limit.key_for(route_class, client)
        try:
            if self._store_seconds is None:
                count, end = await self._counted(key, limit)
            else:
                async with asyncio.timeout(self._store_seconds):
                    count, end = await self._counted(key, limit)
        except (StorageError, TimeoutError) as error:
            self._paused_until = self._clock() + PAUSE_SECONDS
            RATE_LIMIT_STORE_FAILURES.inc()
            log.warning("rate limits are not counted", error=f"{type(error).__name__}: {error}")
            return None
        refused = count > limit.amount
        if refused:
            RATE_LIMITED.labels(route_class).inc()
        return Verdict(
            route_class,
            quota=limit.amount,
            window=limit.get_expiry(),
            remaining=max(0, limit.amount - count),
            reset=max(1, math.ceil(end - time.time())),
            refused=refused,
        )

    async def _counted(self, key: str, limit: RateLimitItem) -> tuple[int, float]:
        # Not by the library's strategies: these ask the store once more, for the count that `incr` has just told.
        return await self._storage.incr(key, limit.get_expiry()), await self._storage.get_expiry(key)


def _shared(url: str, seconds: float) -> Storage:
    options: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    storage = storage_from_string(
        f"async+{url}", wrap_exceptions=True, implementation="redispy", key_prefix="tandem:rate", **options
    )
    assert isinstance(storage, Storage)  # noqa: S101 - what the prefix asks for
    return storage
