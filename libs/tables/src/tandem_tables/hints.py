"""Telling the relay, after a commit, that something waits in the outbox."""

import asyncio
import logging

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tandem_contracts.outbox import GIVE_HINT

DEBOUNCE_SECONDS = 0.005
CLOSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class OutboxHint:
    """Gives at most one hint in 5 ms, on a connection of `engine`'s pool, whatever number is asked for.

    Whoever asks does not wait, and does not hear of it when the hint fails.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._giving: asyncio.Task[None] | None = None
        self._wanted = False

    def give(self) -> None:
        """Ask for a hint: call it when the transaction that appended is committed."""
        self._wanted = True
        if self._giving is None or self._giving.done():
            self._giving = asyncio.create_task(self._give())

    async def aclose(self) -> None:
        """Give no more hints; what waits is found without. One that is being given gives its connection back first."""
        self._wanted = False
        if self._giving is not None:
            _, late = await asyncio.wait({self._giving}, timeout=CLOSE_SECONDS)
            for giving in late:
                giving.cancel()
                await asyncio.wait({giving})

    async def _give(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                async with self._engine.connect() as connection:
                    await connection.execute(text(GIVE_HINT))
            except Exception as error:  # noqa: BLE001 - a hint is never worth an error
                log.debug("hint to the relay failed: %r", error)
            await asyncio.sleep(DEBOUNCE_SECONDS)
