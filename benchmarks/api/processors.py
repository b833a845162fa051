"""Which processor does what: the server that is measured has one to itself, where there is more than one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SERVER = 0


def set_one_aside() -> None:
    """Keep this process, and what it starts, off the server's processor."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {SERVER})


def one_is_aside() -> bool:
    return hasattr(os, "sched_getaffinity") and SERVER not in os.sched_getaffinity(0)


@contextmanager
def servers_own() -> Iterator[None]:
    """What is started in the block is on the server's processor, alone."""
    if not one_is_aside():
        yield
        return
    others = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER})
    try:
        yield
    finally:
        os.sched_setaffinity(0, others)
