from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey
from tandem_tables.users import User


class Order(Table):
    __tablename__ = "orders_order"

    id: Mapped[UuidPrimaryKey]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'placed'"))
    total_amount: Mapped[int] = mapped_column(BigInteger)
    total_currency: Mapped[str] = mapped_column(String(3))
    refunded_amount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refunding_amount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    payment_token: Mapped[str] = mapped_column(String(200))
    placed_at: Mapped[CreatedAt]


class OrderLine(Table):
    __tablename__ = "orders_orderline"

    id: Mapped[UuidPrimaryKey]
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id))
    position: Mapped[int] = mapped_column(SmallInteger)
    sku: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int] = mapped_column(Integer)
    unit_amount: Mapped[int] = mapped_column(BigInteger)


class TimelineEntry(Table):
    """One event of the order's stream, kept; `state` is the one it led to, if it led to one."""

    __tablename__ = "orders_timelineentry"

    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_type: Mapped[str] = mapped_column(String(64))
    state: Mapped[str | None] = mapped_column(String(16))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    traceparent: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    occurred_at: Mapped[CreatedAt]


class PaymentAttempt(Table):
    """One try to collect an order's total; its id is the idempotency key that the provider knows it by."""

    __tablename__ = "orders_paymentattempt"

    id: Mapped[UuidPrimaryKey]
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'sending'"))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    provider_id: Mapped[str] = mapped_column(String(100), server_default=text("''"))
    decline_code: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    created_at: Mapped[CreatedAt]


class IdempotencyKey(Table):
    __tablename__ = "orders_idempotencykey"

    principal: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    response_status: Mapped[int] = mapped_column(SmallInteger)
    response_body: Mapped[Any] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
