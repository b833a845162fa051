from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey


class Category(Table):
    __tablename__ = "catalog_category"

    id: Mapped[UuidPrimaryKey]
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class Product(Table):
    __tablename__ = "catalog_product"

    id: Mapped[UuidPrimaryKey]
    sku: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, server_default=text("''"))
    category_id: Mapped[UUID] = mapped_column(ForeignKey(Category.id))
    price_amount: Mapped[int] = mapped_column(BigInteger)
    price_currency: Mapped[str] = mapped_column(String(3), server_default=text("'EUR'"))
    picture: Mapped[str] = mapped_column(String(100), server_default=text("''"))
    status: Mapped[str] = mapped_column(String(16), server_default=text("'draft'"))
    publish_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]
