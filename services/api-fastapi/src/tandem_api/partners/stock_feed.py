"""What changed since a cursor, so that no change is ever skipped.

Each row has the number of the transaction that changed it last (`changed_in`, kept by a trigger). Numbers are drawn
when a transaction first writes, and it commits when it likes: a cursor at the largest number seen would skip what is
committed late under a smaller one.

So the feed is read in rounds. A round begins with a snapshot that tells two numbers: its *floor*, below which every
transaction has ended, and its *ceiling*, above which none had begun. The round goes up by (number, SKU) from where the
former round's floor was, and ends with the rows, or where it passes the ceiling. The next one begins at this round's
floor. Whatever was not visible in the round's first snapshot is of a transaction that had not ended then, and so has a
number at or above the floor: the next round meets it. So it is with a row that changes again, be it that it moves up,
or down because the transaction that changes it began before the one that did so last.

The price: while a transaction stays open, what was committed beside it is told again in each round. Items say what is,
not what was done, so that is harmless.

Transaction numbers mean nothing in another history of the database (restored, or failed over): then the cursor's
`history` differs, or it has a floor that this database has not reached, and the feed begins anew. Rows that a dump
brought may have numbers that no transaction has had here. They end no round, and are told in each, until the numbers
are reached.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.payloads import Money

from tandem_api.pagination import decode_cursor, encode_cursor
from tandem_api.partners.schemas import StockItem, StockPage
from tandem_api.requests import PLAIN

# Identity of the cluster, and its timeline: the first eight digits of a WAL file's name.
_NOW = text("""
SELECT system_identifier || '-' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS history,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS floor,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS ceiling
FROM pg_control_system()
""")
# Products are found by an index. Stock has none for this, so that reservations stay HOT updates: its table is read,
# which takes some 10 ms for 100,000 SKUs when few have changed, and 50 ms when all have.
_CHANGED = text("""
SELECT changed_in, sku FROM (
    (SELECT changed_in, sku FROM catalog_product WHERE (changed_in, sku) > (:changed_in, :sku)
     ORDER BY changed_in, sku LIMIT :limit)
    UNION
    (SELECT changed_in, sku FROM inventory_stock WHERE (changed_in, sku) > (:changed_in, :sku)
     ORDER BY changed_in, sku LIMIT :limit)
) AS changed
ORDER BY changed_in, sku LIMIT :limit
""")
# What never was in the store is nobody's business yet.
_ITEMS = text("""
SELECT product.sku, status = 'published' AS on_sale, coalesce(available, 0) AS available, price_amount, price_currency
FROM catalog_product AS product LEFT JOIN inventory_stock AS stock ON stock.sku = product.sku
WHERE product.sku = ANY (CAST(:skus AS text[])) AND published_at IS NOT NULL ORDER BY product.sku
""")


Transaction = Annotated[int, Field(ge=0, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind which row to go on, in which history; `floor` and `ceiling` are those of a round that has begun."""

    history: str
    changed_in: Transaction
    sku: Annotated[str, Field(max_length=64, pattern=PLAIN)] = ""
    floor: Transaction | None = None
    ceiling: Transaction | None = None


_CURSOR = TypeAdapter(Cursor)


async def read_changes(session: AsyncSession, cursor: str | None, limit: int) -> StockPage:
    """At most `limit` products that changed behind `cursor`, or all from the first on.

    The session must keep one snapshot for all its statements.
    """
    now = (await session.execute(_NOW)).one()
    at = Cursor(now.history, 0) if cursor is None else decode_cursor(cursor, _CURSOR)
    if at.history != now.history or (at.changed_in if at.floor is None else at.floor) > now.ceiling:
        at = Cursor(now.history, 0)
    floor = now.floor if at.floor is None else at.floor
    ceiling = now.ceiling if at.ceiling is None else at.ceiling
    behind = {"changed_in": at.changed_in, "sku": at.sku, "limit": limit}
    changed = (await session.execute(_CHANGED, behind)).all()
    is_round_over = len(changed) < limit or ceiling <= changed[-1].changed_in < now.ceiling
    if is_round_over:
        following = Cursor(now.history, floor)
    else:
        following = Cursor(now.history, changed[-1].changed_in, changed[-1].sku, floor, ceiling)
    return StockPage(
        items=await _items(session, [row.sku for row in changed]),
        next_cursor=encode_cursor(asdict(following)),
        more=len(changed) == limit,
    )


async def _items(session: AsyncSession, skus: Sequence[str]) -> list[StockItem]:
    return [
        StockItem(
            sku=row.sku,
            on_sale=row.on_sale,
            available=row.available if row.on_sale else 0,
            price=Money(amount=row.price_amount, currency=row.price_currency) if row.on_sale else None,
        )
        for row in await session.execute(_ITEMS, {"skus": skus})
    ]
