from datetime import datetime

from sqlalchemy import Boolean, DateTime, SmallInteger, String, Text
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey


class Page(Table):
    __tablename__ = "content_page"

    id: Mapped[UuidPrimaryKey]
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    is_published: Mapped[bool] = mapped_column(Boolean, server_default=sql("false"))
    created_at: Mapped[CreatedAt]


class Banner(Table):
    __tablename__ = "content_banner"

    id: Mapped[UuidPrimaryKey]
    title: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(String(200), server_default=sql("''"))
    link: Mapped[str] = mapped_column(String(500))
    position: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]
