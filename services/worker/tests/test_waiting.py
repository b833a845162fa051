import asyncio

import pytest
from tandem_worker.waiting import closed_within


async def test_what_a_client_says_while_it_closes_ends_nobody_else() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def broken() -> None:
        raise ConnectionError

    await closed_within(cancelled(), 60)
    await closed_within(broken(), 60)


async def test_a_client_that_does_not_close_is_given_up() -> None:
    given_up = asyncio.Event()

    async def silent() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    await closed_within(silent(), 0.01)
    assert given_up.is_set()


async def test_our_own_cancellation_is_obeyed() -> None:
    closing = asyncio.ensure_future(closed_within(asyncio.Event().wait(), 60))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
