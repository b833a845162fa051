"""Waiting for somebody else without looking dead, and without holding up the end of the process."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tandem_runtime.health import Health

T = TypeVar("T")
BEAT_SECONDS = 0.5


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Pause for `seconds`, or until `stop` is set; tells whether it is."""
    try:
        await asyncio.wait_for(stop.wait(), timeout=seconds)
    except TimeoutError:
        return False
    return True


async def watched(
    work: Coroutine[Any, Any, T], *, health: Health, stop: asyncio.Event, seconds: float | None = None
) -> T | None:
    """The result of `work`; None when `stop` is set before it is done. Beats while it waits.

    Raises TimeoutError after `seconds`. Work that is not waited for to its end is cancelled.
    """
    task = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    try:
        while not task.done():
            if stop.is_set():
                return None
            if deadline is not None and loop.time() > deadline:
                raise TimeoutError(f"no answer within {seconds} s")
            health.beat()
            await asyncio.wait({task, stopping}, timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return task.result()
    finally:
        stopping.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def closed_within(closing: Coroutine[Any, Any, None], seconds: float) -> None:
    """Close a client whose other end may be gone: not for longer than `seconds`, and whatever it says to it.

    In a task of its own, since aiokafka lets the cancellation of its tasks out of `stop()` while the broker is away:
    here it would end ours, and nobody would tell.
    """
    task = asyncio.ensure_future(closing)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
