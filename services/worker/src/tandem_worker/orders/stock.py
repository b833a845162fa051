"""Setting stock aside, giving it back, letting it go: balance and ledger change together."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.inventory import Stock, StockMovement
from tandem_tables.orders import OrderLine


class OutOfStockError(Exception):
    """There are fewer pieces of `sku` than the order wants."""

    def __init__(self, sku: str) -> None:
        super().__init__(sku)
        self.sku = sku


async def reserve(session: AsyncSession, order_id: UUID, lines: Sequence[OrderLine]) -> None:
    """Set all pieces aside, or raise OutOfStockError; the caller rolls back to before."""
    for line in lines:
        taken = await session.execute(
            update(Stock)
            .where(Stock.sku == line.sku, Stock.available >= line.quantity)
            .values(available=Stock.available - line.quantity, reserved=Stock.reserved + line.quantity)
            .returning(Stock.sku)
        )
        if taken.scalar_one_or_none() is None:
            raise OutOfStockError(line.sku)
        await _book(session, order_id, line, "reservation", available=-line.quantity, reserved=line.quantity)


async def release(session: AsyncSession, order_id: UUID, lines: Sequence[OrderLine]) -> None:
    """Make what was set aside for the order available again."""
    for line in lines:
        await session.execute(
            update(Stock)
            .where(Stock.sku == line.sku)
            .values(available=Stock.available + line.quantity, reserved=Stock.reserved - line.quantity)
        )
        await _book(session, order_id, line, "release", available=line.quantity, reserved=-line.quantity)


async def ship(session: AsyncSession, order_id: UUID, lines: Sequence[OrderLine]) -> None:
    """Let what was set aside for the order leave the house."""
    for line in lines:
        await session.execute(
            update(Stock).where(Stock.sku == line.sku).values(reserved=Stock.reserved - line.quantity)
        )
        await _book(session, order_id, line, "shipment", available=0, reserved=-line.quantity)


async def _book(
    session: AsyncSession, order_id: UUID, line: OrderLine, reason: str, *, available: int, reserved: int
) -> None:
    await session.execute(
        insert(StockMovement).values(
            sku=line.sku,
            reason=reason,
            available_change=available,
            reserved_change=reserved,
            order_id=order_id,
        )
    )
