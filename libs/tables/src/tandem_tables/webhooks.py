from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Integer,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tandem_tables.metadata import CreatedAt, Table, UuidPrimaryKey


class Partner(Table):
    """An application that acts in its own name: allauth's client. Only what webhooks have to know of it."""

    __tablename__ = "allauth_idp_oidc_client"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    scopes: Mapped[str] = mapped_column(Text)


class Endpoint(Table):
    """An address of a partner's, and the event types that are sent there."""

    __tablename__ = "webhooks_endpoint"

    id: Mapped[UuidPrimaryKey]
    client_id: Mapped[str] = mapped_column(ForeignKey(Partner.id))
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200), server_default=text("''"))
    event_types: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'enabled'"))
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    disabled_reason: Mapped[str] = mapped_column(String(500), server_default=text("''"))
    is_held: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_success_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SigningSecret(Table):
    """What an endpoint's messages are signed with; the newest has no end."""

    __tablename__ = "webhooks_signingsecret"

    id: Mapped[UuidPrimaryKey]
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(Endpoint.id))
    secret: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Delivery(Table):
    """One event for one endpoint."""

    __tablename__ = "webhooks_delivery"

    id: Mapped[UuidPrimaryKey]
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(Endpoint.id))
    event_id: Mapped[UUID]
    event_type: Mapped[str] = mapped_column(String(64))
    aggregate_type: Mapped[str] = mapped_column(String(32))
    aggregate_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)
    traceparent: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'pending'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[CreatedAt]
    give_up_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lease: Mapped[UUID | None]
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    last_response: Mapped[str] = mapped_column(Text, server_default=text("''"))
    last_error: Mapped[str] = mapped_column(Text, server_default=text("''"))
    created_at: Mapped[CreatedAt]
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Attempt(Table):
    """One time that a delivery was sent, and what came back."""

    __tablename__ = "webhooks_attempt"

    id: Mapped[UuidPrimaryKey]
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey(Delivery.id))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    response: Mapped[str] = mapped_column(Text, server_default=text("''"))
    error: Mapped[str] = mapped_column(Text, server_default=text("''"))


class DeliveryRequest(Table):
    """Somebody wants a delivery sent again or, where none is named, a test event."""

    __tablename__ = "webhooks_deliveryrequest"

    id: Mapped[UuidPrimaryKey]
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(Endpoint.id))
    delivery_id: Mapped[UUID | None] = mapped_column(ForeignKey(Delivery.id))
    requested_by: Mapped[str] = mapped_column(String(254))
    why: Mapped[str] = mapped_column(Text, server_default=text("''"))
    traceparent: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    created_at: Mapped[CreatedAt]
    carried_out_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
