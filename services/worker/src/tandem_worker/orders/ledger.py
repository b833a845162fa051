"""Whether each product's stock is what its ledger sums to: looked at all the time, a few products after the other."""

import asyncio

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tandem_worker.consumer.handlers import retry_reason
from tandem_worker.database import SessionFactory, autocommit
from tandem_worker.orders.metrics import LEDGER_MISMATCHES
from tandem_worker.waiting import stopped_within

PAUSE_SECONDS = 5.0
LOOKED_AT_ONCE = 20

NEXT = text("SELECT sku FROM inventory_stock WHERE sku > :behind ORDER BY sku LIMIT :limit")
# One statement, so one snapshot: balance and ledger are of the same moment.
AGREES = text("""
    SELECT stock.available = coalesce(sum(line.available_change), 0)
       AND stock.reserved = coalesce(sum(line.reserved_change), 0)
    FROM inventory_stock AS stock LEFT JOIN inventory_stockmovement AS line USING (sku)
    WHERE stock.sku = :sku
    GROUP BY stock.sku, stock.available, stock.reserved
""")

log = structlog.get_logger()


class LedgerWatch:
    """Every replica looks at all products by itself, and shows the same."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._behind = ""
        self._wrong: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set; what the database cannot answer now it is asked in the next round."""
        while not await stopped_within(stop, PAUSE_SECONDS):
            try:
                await self.look()
            except Exception as error:
                if not retry_reason(error):
                    raise
                log.warning("stock not compared with its ledger", error=repr(error))

    async def look(self) -> None:
        """Look at the next few products; behind the last one it begins anew."""
        async with autocommit(self._sessions) as session:
            skus = (await session.scalars(NEXT, {"behind": self._behind, "limit": LOOKED_AT_ONCE})).all()
            for sku in skus:
                self._behind = sku  # before it is looked at: one that takes too long holds up no other
                await self._compare(session, sku)
        if len(skus) < LOOKED_AT_ONCE:
            self._behind = ""
        LEDGER_MISMATCHES.set(len(self._wrong))

    async def _compare(self, session: AsyncSession, sku: str) -> None:
        if await session.scalar(AGREES, {"sku": sku}) is not False:
            self._wrong.discard(sku)
        elif sku not in self._wrong:
            self._wrong.add(sku)
            log.error("stock is not what its ledger sums to", sku=sku)
