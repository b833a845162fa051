"""The declarative class of all tables, and the columns that Postgres fills by itself."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import DateTime, text
from sqlalchemy.orm import DeclarativeBase, mapped_column


class Table(DeclarativeBase):
    """A table; `Table.metadata` is what the drift test holds against a database that Django migrated."""


UuidPrimaryKey = Annotated[UUID, mapped_column(primary_key=True, server_default=text("uuidv7()"))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=text("statement_timestamp()"))]
