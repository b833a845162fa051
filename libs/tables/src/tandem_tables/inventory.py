from uuid import UUID

from sqlalchemy import ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.catalog import Product
from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey
from tandem_tables.orders import Order


class Stock(Table):
    """The balance of one SKU, in pieces."""

    __tablename__ = "inventory_stock"

    sku: Mapped[str] = mapped_column(String(64), ForeignKey(Product.sku), primary_key=True)
    available: Mapped[int] = mapped_column(server_default=text("0"))
    reserved: Mapped[int] = mapped_column(server_default=text("0"))


class StockMovement(Table):
    """A line of the append-only ledger; the lines of a SKU sum to its balance."""

    __tablename__ = "inventory_stockmovement"

    id: Mapped[UuidPrimaryKey]
    sku: Mapped[str] = mapped_column(String(64), ForeignKey(Stock.sku))
    reason: Mapped[str] = mapped_column(String(16))
    available_change: Mapped[int] = mapped_column(server_default=text("0"))
    reserved_change: Mapped[int] = mapped_column(server_default=text("0"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey(Order.id))
    note: Mapped[str] = mapped_column(String(200), server_default=text("''"))
    created_at: Mapped[CreatedAt]
