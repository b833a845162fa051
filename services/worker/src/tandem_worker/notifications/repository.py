"""Mails to be sent, in SQL. Each statement is a transaction: none is open while a mail is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.notifications import Notification
from tandem_tables.orders import Order, OrderLine, TimelineEntry
from tandem_tables.users import User

# From when on a mail whose sender was never heard of again is somebody else's: longer than sending one can take.
LEASE = timedelta(seconds=60)
ERROR_LENGTH = 500

Settled = Literal["sent", "failed", "skipped"]

IS_DUE = text("""
    SELECT EXISTS (
        SELECT FROM notifications_notification WHERE state = 'pending' AND next_attempt_at <= statement_timestamp()
    )
""")
CLAIM = text("""
    WITH due AS (
        SELECT id FROM notifications_notification
        WHERE state = 'pending' AND next_attempt_at <= statement_timestamp()
        ORDER BY next_attempt_at
        FOR UPDATE SKIP LOCKED
        LIMIT 1
    )
    UPDATE notifications_notification AS mail
    SET attempts = mail.attempts + 1, next_attempt_at = statement_timestamp() + CAST(:lease AS interval)
    FROM due WHERE mail.id = due.id
    RETURNING mail.id, mail.edition, mail.kind, mail.order_id, mail.version, mail.attempts, mail.wanted_at,
        mail.traceparent, statement_timestamp() - mail.wanted_at AS age
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that is ours to send until the lease ends; `attempts` counts this one too."""

    id: UUID
    edition: int
    kind: str
    order_id: UUID
    version: int
    attempts: int
    wanted_at: datetime
    traceparent: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    quantity: int
    unit_amount: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known, now, of a mail's customer and order; `event` is the payload of what it tells."""

    email: str
    name: str
    is_active: bool
    is_erased: bool
    order_id: UUID
    total_amount: int
    currency: str
    placed_at: datetime
    event: dict[str, Any]
    lines: Sequence[Line]


async def is_any_due(session: AsyncSession) -> bool:
    return bool(await session.scalar(IS_DUE))


async def claim(session: AsyncSession) -> Claimed | None:
    """The mail that is due for longest and nobody else's; None when there is none."""
    row = (await session.execute(CLAIM, {"lease": LEASE})).one_or_none()
    return None if row is None else Claimed(**row._mapping)  # noqa: SLF001 - a row's public name for itself


async def facts_about(session: AsyncSession, mail: Claimed) -> Facts:
    found = await session.execute(
        select(
            User.email,
            User.name,
            User.is_active,
            User.erased_at.is_not(None).label("is_erased"),
            Order.id.label("order_id"),
            Order.total_amount,
            Order.total_currency.label("currency"),
            Order.placed_at,
            TimelineEntry.payload.label("event"),
        )
        .join(User, User.id == Order.customer_id)
        .join(TimelineEntry, TimelineEntry.order_id == Order.id)
        .where(Order.id == mail.order_id, TimelineEntry.version == mail.version)
    )
    known = found.one()
    lines = await session.execute(
        select(OrderLine.name, OrderLine.quantity, OrderLine.unit_amount)
        .where(OrderLine.order_id == mail.order_id)
        .order_by(OrderLine.position)
    )
    return Facts(**known._mapping, lines=[Line(*line) for line in lines])  # noqa: SLF001 - likewise


async def settle(session: AsyncSession, mail: Claimed, state: Settled, *, error: str = "") -> None:
    """Record what became of the mail; not of a newer edition, which staff asked for meanwhile."""
    await session.execute(
        _still(mail).values(
            state=state,
            error=error[:ERROR_LENGTH],
            sent_at=func.statement_timestamp() if state == "sent" else Notification.sent_at,
        )
    )


async def try_later(session: AsyncSession, mail: Claimed, *, pause: timedelta, error: str) -> None:
    await session.execute(
        _still(mail).values(next_attempt_at=func.statement_timestamp() + pause, error=error[:ERROR_LENGTH])
    )


async def count_pending(session: AsyncSession) -> tuple[int, float]:
    """How many mails wait, and the age of the oldest in seconds."""
    count, age = (
        await session.execute(
            select(
                func.count(),
                func.coalesce(
                    func.extract("epoch", func.statement_timestamp() - func.min(Notification.wanted_at)), 0.0
                ),
            ).where(text("state = 'pending'"))
        )
    ).one()
    return count, float(age)


def _still(mail: Claimed) -> Any:
    return update(Notification).where(
        Notification.id == mail.id, Notification.state == "pending", Notification.edition == mail.edition
    )
