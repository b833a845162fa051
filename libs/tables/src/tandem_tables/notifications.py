from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Integer, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey
from tandem_tables.orders import Order


class Notification(Table):
    """A mail about an order: the intention first, then what became of it."""

    __tablename__ = "notifications_notification"

    id: Mapped[UuidPrimaryKey]
    event_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(32))
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id))
    version: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), server_default=text("'pending'"))
    wanted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    edition: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("statement_timestamp()")
    )
    error: Mapped[str] = mapped_column(Text, server_default=text("''"))
    traceparent: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
