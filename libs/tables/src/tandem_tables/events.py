"""The event backbone's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Integer,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey


class OutboxEvent(Table):
    """An event not yet published. Nobody inserts here: `append_event` does."""

    __tablename__ = "events_outboxevent"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    shard: Mapped[int] = mapped_column(SmallInteger)
    producer: Mapped[str] = mapped_column(String(63))
    aggregate_type: Mapped[str] = mapped_column(String(32))
    aggregate_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    occurred_at: Mapped[CreatedAt]


class ConsumerPosition(Table):
    """The last version of an aggregate that a consumer has applied."""

    __tablename__ = "events_consumerposition"

    consumer: Mapped[str] = mapped_column(String(64), primary_key=True)
    aggregate_type: Mapped[str] = mapped_column(String(32), primary_key=True)
    aggregate_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class DeadLetter(Table):
    """An event that a consumer cannot apply, or one that waits behind such an event of its aggregate."""

    __tablename__ = "events_deadletter"

    id: Mapped[UuidPrimaryKey]
    consumer: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[UUID]
    aggregate_type: Mapped[str] = mapped_column(String(32))
    aggregate_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(16), server_default=text("'poison'"))
    error: Mapped[str] = mapped_column(Text, server_default=text("''"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[CreatedAt]
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DeadLetterDecision(Table):
    """What a person decided about a dead letter; the consumer carries it out."""

    __tablename__ = "events_deadletterdecision"

    id: Mapped[UuidPrimaryKey]
    consumer: Mapped[str] = mapped_column(String(64))
    aggregate_type: Mapped[str] = mapped_column(String(32))
    aggregate_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(32))
    why: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(254))
    decided_at: Mapped[CreatedAt]
    outcome: Mapped[str] = mapped_column(String(16), server_default=text("'pending'"))
    detail: Mapped[str] = mapped_column(Text, server_default=text("''"))
    carried_out_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
