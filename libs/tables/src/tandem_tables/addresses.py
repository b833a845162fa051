from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey
from tandem_tables.orders import Order
from tandem_tables.users import User


class PostalAddress:
    recipient: Mapped[str] = mapped_column(String(150))
    street: Mapped[str] = mapped_column(String(200))
    addition: Mapped[str] = mapped_column(String(200), server_default=text("''"))
    postal_code: Mapped[str] = mapped_column(String(20), server_default=text("''"))
    city: Mapped[str] = mapped_column(String(100))
    region: Mapped[str] = mapped_column(String(100), server_default=text("''"))
    country: Mapped[str] = mapped_column(String(2))


class Address(PostalAddress, Table):
    """One of a customer's addresses; `default_since` is the latest for the default one."""

    __tablename__ = "addresses_address"

    id: Mapped[UuidPrimaryKey]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    slot: Mapped[int] = mapped_column(SmallInteger)
    default_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]


class ShippingAddress(PostalAddress, Table):
    """Where an order goes, as it was when the order was placed."""

    __tablename__ = "addresses_shippingaddress"

    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id), primary_key=True)
