"""The pulse of an asyncio process, and how late its event loop runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from prometheus_client import Histogram

from tandem_runtime.health import Health

INTERVAL_SECONDS = 1.0

EVENT_LOOP_LAG = Histogram(
    "tandem_event_loop_lag_seconds",
    "How much later than asked the event loop woke a sleeper, sampled each second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


@asynccontextmanager
async def beating(health: Health) -> AsyncIterator[None]:
    """Beat each second while the event loop turns, and measure its lag."""
    async with measuring_lag(health.beat):
        yield


@asynccontextmanager
async def measuring_lag(each_second: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """Measure the event loop's lag; a process whose pulse is its own work beats elsewhere."""
    pulse = asyncio.create_task(_pulse(each_second), name="pulse")
    try:
        yield
    finally:
        pulse.cancel()
        with suppress(asyncio.CancelledError):
            await pulse


async def _pulse(each_second: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        each_second()
        due = loop.time() + INTERVAL_SECONDS
        await asyncio.sleep(INTERVAL_SECONDS)
        EVENT_LOOP_LAG.observe(max(0.0, loop.time() - due))
