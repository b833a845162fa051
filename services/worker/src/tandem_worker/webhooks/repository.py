"""Deliveries in the database. Each function is for a short transaction, which its caller owns."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.webhooks import TEST_TYPE, sample_message
from tandem_tables.webhooks import Delivery

from tandem_worker.webhooks import statements

Fate = Literal["delivered", "pending", "failed"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is this process's to send until its lease ends."""

    id: UUID
    lease: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    aggregate_type: str
    aggregate_id: UUID
    version: int
    body: str
    traceparent: str
    attempts: int
    created_at: datetime
    url: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<delivery {self.id}>"  # no secret in a log or a traceback


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to, as it is written down."""

    started_at: datetime
    duration: timedelta
    status: int | None
    response: str
    error: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows a failure: another attempt after `pause`, until `retry` is over; none when the endpoint is `gone`.

    `retry_after` is for how long the partner wants to be left alone altogether.
    """

    pause: timedelta
    retry: timedelta
    retry_after: timedelta | None
    gone: bool


async def claim(session: AsyncSession, *, failing: bool, limit: int, each: int, lease: timedelta) -> list[Claimed]:
    """Take at most `limit` deliveries that are due, so that no endpoint has more than `each` on their way.

    Of endpoints whose last answer was a failure if `failing`, else of all others.
    """
    if limit <= 0:
        return []
    locked = await session.execute(statements.LOCK_ENDPOINTS, {"failing": failing, "limit": limit, "each": each})
    endpoints = list(locked.scalars())
    if not endpoints:
        return []
    rows = await session.execute(
        statements.CLAIM, {"endpoints": endpoints, "limit": limit, "each": each, "lease": lease}
    )
    return [Claimed(**{**row, "secrets": tuple(row["secrets"])}) for row in rows.mappings()]


async def note_success(session: AsyncSession, delivery: Claimed, outcome: Outcome) -> Fate | None:
    """Note the partner's yes; None when the delivery is no longer this process's."""
    await session.execute(statements.ENDPOINT_WORKS, {"endpoint_id": delivery.endpoint_id})
    return await _note(session, statements.DELIVERED, delivery, outcome)


async def note_failure(
    session: AsyncSession,
    delivery: Claimed,
    outcome: Outcome,
    plan: Plan,
) -> Fate | None:
    """Note anything else, and what is planned after it."""
    await session.execute(
        statements.ENDPOINT_FAILS, {"endpoint_id": delivery.endpoint_id, "retry_after": plan.retry_after}
    )
    fate = await _note(
        session, statements.FAILED, delivery, outcome, pause=plan.pause, retry=plan.retry, gone=plan.gone
    )
    if fate == "pending":
        await session.execute(statements.PUT_OFF_FOLLOWERS, {"id": delivery.id})
    return fate


async def disable(session: AsyncSession, endpoint_id: UUID, reason: str, plan: Plan) -> bool:
    """Disable the endpoint, if it is gone or nothing has succeeded for as long as a delivery is tried."""
    disabled = await session.execute(
        statements.DISABLE_ENDPOINT,
        {"endpoint_id": endpoint_id, "reason": reason, "gone": plan.gone, "retry": plan.retry},
    )
    return disabled.scalar_one_or_none() is not None


async def carry_out_requests(session: AsyncSession) -> int:
    """Make what people asked for pending: deliveries once more, and test events; returns how many were asked for."""
    requests = (await session.execute(statements.TAKE_REQUESTS)).all()
    if not requests:
        return 0
    await session.execute(statements.RESEND, {"ids": [one.delivery_id for one in requests if one.delivery_id]})
    tests = [
        {
            "endpoint_id": one.endpoint_id,
            "event_id": one.id,
            "event_type": TEST_TYPE,
            "aggregate_type": "webhook",
            "aggregate_id": one.endpoint_id,
            "version": 1,
            "body": sample_message(one.endpoint_id, one.created_at),
            "traceparent": one.traceparent,
        }
        for one in requests
        if one.delivery_id is None
    ]
    if tests:
        await session.execute(insert(Delivery).values(tests).on_conflict_do_nothing())
    await session.execute(statements.CLOSE_REQUESTS, {"ids": [one.id for one in requests]})
    return len(requests)


async def count_pending(session: AsyncSession) -> tuple[int, float]:
    """How many deliveries of enabled endpoints wait, and the age of the oldest in seconds."""
    row = (await session.execute(statements.COUNT_PENDING)).one()
    return int(row.pending), float(row.oldest)


async def count_endpoints(session: AsyncSession) -> dict[str, int]:
    return {state: int(n) for state, n in await session.execute(statements.COUNT_ENDPOINTS)}


async def _note(
    session: AsyncSession, statement: TextClause, delivery: Claimed, outcome: Outcome, **more: object
) -> Fate | None:
    answered = {"id": delivery.id, "status": outcome.status, "response": outcome.response, "error": outcome.error}
    fate: Fate | None = (
        await session.execute(statement, answered | {"lease": delivery.lease} | more)
    ).scalar_one_or_none()
    milliseconds = round(outcome.duration / timedelta(milliseconds=1))
    await session.execute(
        statements.NOTE_ATTEMPT, answered | {"started_at": outcome.started_at, "duration_ms": milliseconds}
    )
    return fate
