from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table
from tandem_tables.orders import Order


class Refund(Table):
    """Money on its way back, or back; its id is that of the event that asked for it, and the provider's key for it."""

    __tablename__ = "refunds_refund"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id))
    request_version: Mapped[int] = mapped_column(BigInteger)
    request_type: Mapped[str] = mapped_column(String(64))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'sending'"))
    created_at: Mapped[CreatedAt]
