"""Setting stock aside, giving it back, letting it go: balance and ledger change together."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderedLine
from tandem_tables.inventory import Stock, StockMovement
from tandem_tables.orders import OrderLine

# All lines or none, in one statement. The rows are locked in the order of their SKUs, as everybody locks them; what is
# read behind the lock is what is there, whoever was before us. The balances are made of that, not of the row which the
# update itself begins with: that one is as old as the statement, and constraints are asked about it first.
RESERVE = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS int[])) AS line (sku, quantity)
    ), held AS MATERIALIZED (
        SELECT stock.sku, stock.available, stock.reserved, wanted.quantity
        FROM inventory_stock AS stock JOIN wanted USING (sku)
        ORDER BY stock.sku
        FOR UPDATE OF stock
    ), short AS (
        SELECT min(sku) AS sku
        FROM (SELECT sku FROM wanted EXCEPT SELECT sku FROM held WHERE available >= quantity) AS missing
    ), taken AS (
        UPDATE inventory_stock AS stock
        SET available = held.available - held.quantity, reserved = held.reserved + held.quantity
        FROM held, short
        WHERE stock.sku = held.sku AND short.sku IS NULL
    ), booked AS (
        INSERT INTO inventory_stockmovement (sku, reason, available_change, reserved_change, order_id)
        SELECT held.sku, 'reservation', -held.quantity, held.quantity, CAST(:order_id AS uuid)
        FROM held, short
        WHERE short.sku IS NULL
    )
    SELECT sku FROM short
""")


async def reserve(session: AsyncSession, order_id: UUID, lines: Sequence[OrderedLine]) -> str | None:
    """Set all pieces aside, or none; returns the first SKU of which there are too few."""
    short: str | None = await session.scalar(
        RESERVE,
        {
            "order_id": order_id,
            "skus": [line.sku for line in lines],
            "quantities": [line.quantity for line in lines],
        },
    )
    return short


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
