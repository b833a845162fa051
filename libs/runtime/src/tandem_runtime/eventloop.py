"""How an asyncio process of ours runs: on uvloop, with a collector that leaves what was imported alone.

Needs the extra `loop`, or `http`, which has it too.
"""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`."""
    settle_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def settle_collector() -> None:
    """Call it when all is imported: what is there stays, and need not be looked at again with each thousand objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
