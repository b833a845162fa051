from datetime import datetime

from sqlalchemy import DateTime, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import Table, UuidPrimaryKey


class User(Table):
    """A customer or a member of staff. Only what API and worker may see: neither password nor rights."""

    __tablename__ = "users_user"

    id: Mapped[UuidPrimaryKey]
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(150), server_default=text("''"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    # The API may not see it; those who load whole users leave it out.
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), deferred=True)
