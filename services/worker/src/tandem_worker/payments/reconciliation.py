"""Asking the provider again, until what it was asked for has a clear answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from tandem_worker.consumer.handlers import retry_reason
from tandem_worker.database import SessionFactory
from tandem_worker.payments.metrics import UNSETTLED
from tandem_worker.waiting import stopped_within

ASKED_AT_ONCE = 50
log = structlog.get_logger()


class Unsettled(NamedTuple):
    """A payment attempt or a refund without a clear answer, and its order."""

    id: UUID
    order_id: UUID


class FindUnsettled(Protocol):
    """Those without a clear answer, the oldest first, from the one behind `behind` on."""

    async def __call__(
        self, session: AsyncSession, *, older_than_seconds: float, behind: UUID | None, limit: int
    ) -> Sequence[Unsettled]: ...


Settle = Callable[[Unsettled], Awaitable[bool]]


async def reconcile(
    sessions: SessionFactory, find: FindUnsettled, settle: Settle, stop: asyncio.Event, *, pause_seconds: float
) -> None:
    """Settle, until `stop`, whatever `find` finds. Replicas may do the same: one key.

    Each round goes on behind the last one's end, so that none waits for those before it to become clear.
    """
    behind: UUID | None = None
    while not await stopped_within(stop, pause_seconds):
        try:
            async with sessions() as session:
                unsettled = await find(session, older_than_seconds=pause_seconds, behind=behind, limit=ASKED_AT_ONCE)
        except Exception as error:
            if not retry_reason(error):
                raise
            log.warning("reconciliation waits", error=repr(error))
            continue
        for one in unsettled:
            if stop.is_set():
                return
            behind = one.id
            await settle_quietly(settle, one)
        if len(unsettled) < ASKED_AT_ONCE:
            behind = None


async def settle_quietly(settle: Settle, unsettled: Unsettled) -> None:
    """One that cannot be settled must not keep the others from it, whatever the reason."""
    asked = {"asked": str(unsettled.id), "order_id": str(unsettled.order_id)}
    try:
        if await settle(unsettled):
            log.info("payment settled", **asked)
    except Exception as error:
        if retry_reason(error):  # the next round asks again
            log.warning("payment still unknown", **asked, error=str(error))
        else:
            UNSETTLED.inc()
            log.exception("payment cannot be settled", **asked)
