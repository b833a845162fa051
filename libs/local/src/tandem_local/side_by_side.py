"""Tasks that go on at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

from tandem_local.cache import Interrupted

T = TypeVar("T")


def side_by_side(tasks: Sequence[Callable[[], T]], *, stop: Event) -> list[T]:
    """Run the tasks in threads and return their results.

    When one fails or the caller is interrupted, `stop` is set; the others are expected to give up then, with
    Interrupted. The first error is raised when all have ended.
    """
    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            stop.set()
            raise
        if any(future.exception() for future in done):
            stop.set()
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, Interrupted)):
        raise error
    return [future.result() for future in futures]
