"""Columns whose values Postgres makes, so that writers outside Django get them too."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Func
from django.db.models.functions import Now


class UUIDv7(Func):
    """Postgres 18's `uuidv7()`: unique, and rising with time, so an index on it stays compact."""

    function = "uuidv7"
    arity = 0
    output_field = models.UUIDField()


def uuid_primary_key() -> Any:
    return models.UUIDField(primary_key=True, db_default=UUIDv7(), editable=False)


def new_ids(count: int) -> list[UUID]:
    """Primary keys made beforehand: Django does not learn those that Postgres gives to rows inserted together."""
    if not count:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuidv7() FROM generate_series(1, %s)", [count])
        return [row[0] for row in cursor.fetchall()]


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of that millisecond: a bound for ids by time."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (0b10 << 62))


def created_at() -> Any:
    """When the row was inserted, UTC."""
    return models.DateTimeField(db_default=Now(), editable=False)
