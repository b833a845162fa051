"""Dead letters and the decisions about them, in SQL, for the consumer that carries the decisions out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import TRACE_HEADERS, Event
from tandem_runtime.redaction import redact_text
from tandem_tables.events import ConsumerPosition, DeadLetter, DeadLetterDecision

from tandem_worker.consumer.dead_letters import ERROR_LENGTH
from tandem_worker.consumer.positions import Aggregate, lock_positions

Action = Literal["replay", "replay_despite_gap", "discard"]
UNSETTLED = DeadLetter.state.in_(("dead", "queued"))
PENDING = DeadLetterDecision.outcome == "pending"
# What names the letter that a decision is about.
LETTER_KEY = (DeadLetter.consumer, DeadLetter.aggregate_type, DeadLetter.aggregate_id, DeadLetter.version)
DECIDED_KEY = (
    DeadLetterDecision.consumer,
    DeadLetterDecision.aggregate_type,
    DeadLetterDecision.aggregate_id,
    DeadLetterDecision.version,
)
DECIDED_UPON = tuple_(*LETTER_KEY) == tuple_(*DECIDED_KEY)


@dataclass(frozen=True, slots=True)
class Head:
    """The first unsettled letter of an aggregate, what a person decided about it, and where the consumer is.

    `position` is None for a record that is no event, which has no place in any stream.
    """

    id: UUID
    event_id: UUID
    aggregate_type: str
    aggregate_id: UUID
    version: int
    type: str
    body: str
    headers: dict[str, str]
    state: str
    reason: str
    created_at: datetime
    decision_id: UUID | None
    action: Action | None
    position: int | None

    @property
    def aggregate(self) -> Aggregate:
        return self.aggregate_type, self.aggregate_id

    def event(self) -> Event:
        return Event(
            id=self.event_id,
            type=self.type,
            source=self.headers.get("source", ""),
            aggregate_type=self.aggregate_type,
            aggregate_id=self.aggregate_id,
            version=self.version,
            time=datetime.fromisoformat(self.headers["time"]) if "time" in self.headers else self.created_at,
            body=self.body.encode(),
            trace={name: self.headers[name] for name in TRACE_HEADERS if name in self.headers},
        )


async def find_heads(session: AsyncSession, consumer: str) -> list[Head]:
    """Every head about which there is something to do, or to find out."""
    ready = or_(
        DeadLetter.state == "queued",
        DeadLetterDecision.id.is_not(None),
        and_(DeadLetter.reason == "gap", DeadLetter.version == ConsumerPosition.version + 1),
    )
    found = await session.execute(_heads(DeadLetter.consumer == consumer).where(ready))
    return [Head(*row) for row in found]


async def lock_head(session: AsyncSession, consumer: str, head: Head) -> Head | None:
    """The head as it is behind the lock under which everybody changes it; None when it is head no longer."""
    if head.position is None:
        locked = await session.scalar(
            select(DeadLetter.id).where(DeadLetter.id == head.id, UNSETTLED).with_for_update()
        )
        scope: ColumnElement[bool] = DeadLetter.id == locked
    else:
        await lock_positions(session, consumer, {head.aggregate: head.version})
        kind, identity = head.aggregate
        scope = and_(
            DeadLetter.consumer == consumer, DeadLetter.aggregate_type == kind, DeadLetter.aggregate_id == identity
        )
    row = (await session.execute(_heads(scope))).one_or_none()
    return Head(*row) if row is not None and row.id == head.id else None


def _heads(scope: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    # Records that are no events do not wait for each other.
    lane = (
        DeadLetter.aggregate_type,
        DeadLetter.aggregate_id,
        case((DeadLetter.reason == "malformed", DeadLetter.version)),
    )
    firsts = select(DeadLetter.id).where(scope, UNSETTLED).ext(distinct_on(*lane)).order_by(*lane, DeadLetter.version)
    return (
        select(
            DeadLetter.id,
            DeadLetter.event_id,
            DeadLetter.aggregate_type,
            DeadLetter.aggregate_id,
            DeadLetter.version,
            DeadLetter.type,
            DeadLetter.body,
            DeadLetter.headers,
            DeadLetter.state,
            DeadLetter.reason,
            DeadLetter.created_at,
            DeadLetterDecision.id,
            DeadLetterDecision.action,
            ConsumerPosition.version,
        )
        .outerjoin(DeadLetterDecision, and_(DECIDED_UPON, PENDING))
        .outerjoin(
            ConsumerPosition,
            and_(
                DeadLetter.reason != "malformed",
                ConsumerPosition.consumer == DeadLetter.consumer,
                ConsumerPosition.aggregate_type == DeadLetter.aggregate_type,
                ConsumerPosition.aggregate_id == DeadLetter.aggregate_id,
            ),
        )
        .where(DeadLetter.id.in_(firsts))
        .order_by(DeadLetter.id)
    )


async def settle(session: AsyncSession, letter_id: UUID, state: Literal["replayed", "discarded"]) -> None:
    tried = 1 if state == "replayed" else 0
    await session.execute(
        update(DeadLetter)
        .where(DeadLetter.id == letter_id)
        .values(state=state, settled_at=func.now(), attempts=DeadLetter.attempts + tried)
    )


async def keep_dead(session: AsyncSession, letter_id: UUID, *, reason: Literal["poison", "gap"], error: str) -> None:
    """Note why the letter could not be applied; from now on it waits for a person."""
    tried = 1 if reason == "poison" else 0
    await session.execute(
        update(DeadLetter)
        .where(DeadLetter.id == letter_id)
        .values(
            state="dead", reason=reason, error=redact_text(error)[:ERROR_LENGTH], attempts=DeadLetter.attempts + tried
        )
    )


async def close_decision(session: AsyncSession, decision_id: UUID, failure: str) -> None:
    await session.execute(
        update(DeadLetterDecision)
        .where(DeadLetterDecision.id == decision_id)
        .values(
            outcome="failed" if failure else "done",
            detail=redact_text(failure)[:ERROR_LENGTH],
            carried_out_at=func.now(),
        )
    )


async def close_late_decisions(session: AsyncSession, consumer: str) -> Sequence[str]:
    """Fail the decisions whose letter was settled before they were made, or purged; returns their actions."""
    unsettled = select(DeadLetter.id).where(DECIDED_UPON, UNSETTLED)
    closed = await session.scalars(
        update(DeadLetterDecision)
        .where(DeadLetterDecision.consumer == consumer, PENDING, ~unsettled.exists())
        .values(outcome="failed", detail="the letter was settled before", carried_out_at=func.now())
        .returning(DeadLetterDecision.action)
        .execution_options(synchronize_session=False)
    )
    return closed.all()


async def count_unsettled(session: AsyncSession, consumer: str) -> tuple[dict[tuple[str, str], int], float]:
    """How many unsettled letters there are by state and reason, and the age of the oldest in seconds."""
    rows = await session.execute(
        select(
            DeadLetter.state,
            DeadLetter.reason,
            func.count(),
            func.extract("epoch", func.now() - func.min(DeadLetter.created_at)),
        )
        .where(DeadLetter.consumer == consumer, UNSETTLED)
        .group_by(DeadLetter.state, DeadLetter.reason)
    )
    counts: dict[tuple[str, str], int] = {}
    oldest = 0.0
    for state, reason, count, age in rows:
        counts[state, reason] = count
        oldest = max(oldest, float(age))
    return counts, oldest
