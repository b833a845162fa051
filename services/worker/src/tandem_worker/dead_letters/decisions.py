"""Deciding what becomes of dead letters. A decision is a row; the letters' consumer carries it out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.events import DeadLetter, DeadLetterDecision

from tandem_worker.consumer.positions import Aggregate, find_position
from tandem_worker.dead_letters.repository import DECIDED_KEY, DECIDED_UPON, LETTER_KEY, PENDING, UNSETTLED, Action


@dataclass(frozen=True, slots=True)
class Which:
    """Which letters are meant: those for which all holds that is given. `error` is a part of the error's text."""

    ids: tuple[UUID, ...] = ()
    consumer: str | None = None
    aggregate: Aggregate | None = None
    error: str | None = None

    @property
    def all(self) -> bool:
        return self == Which()

    def narrow(self, query: Select[DeadLetter]) -> Select[DeadLetter]:
        if self.ids:
            query = query.where(DeadLetter.id.in_(self.ids))
        if self.consumer is not None:
            query = query.where(DeadLetter.consumer == self.consumer)
        if self.aggregate is not None:
            kind, identity = self.aggregate
            query = query.where(DeadLetter.aggregate_type == kind, DeadLetter.aggregate_id == identity)
        if self.error is not None:
            query = query.where(func.strpos(DeadLetter.error, self.error) > 0)
        return query


async def find_letters(
    session: AsyncSession, which: Which, *, states: Collection[str] = ("dead", "queued"), limit: int | None = None
) -> Sequence[DeadLetter]:
    """The letters in question, those of an aggregate in order."""
    query = which.narrow(select(DeadLetter)).where(DeadLetter.state.in_(states)).order_by(*LETTER_KEY).limit(limit)
    return (await session.scalars(query)).all()


async def find_letter(session: AsyncSession, letter_id: UUID) -> DeadLetter | None:
    return await session.get(DeadLetter, letter_id)


async def decisions_about(session: AsyncSession, letter: DeadLetter) -> Sequence[DeadLetterDecision]:
    """What was decided about the letter so far, oldest first."""
    query = select(DeadLetterDecision).join(DeadLetter, DECIDED_UPON).where(DeadLetter.id == letter.id)
    return (await session.scalars(query.order_by(DeadLetterDecision.id))).all()


async def why_not(session: AsyncSession, letter_ids: Collection[UUID], action: Action) -> dict[UUID, str]:
    """About which of the letters this cannot be decided now, and why."""
    rows = await session.execute(
        select(DeadLetter, DeadLetterDecision)
        .outerjoin(DeadLetterDecision, DECIDED_UPON & PENDING)
        .where(DeadLetter.id.in_(letter_ids))
    )
    known = {letter.id: (letter, decision) for letter, decision in rows}
    reasons: dict[UUID, str] = {}
    for letter_id in letter_ids:
        letter, decision = known.get(letter_id, (None, None))
        if letter is None:
            reasons[letter_id] = "there is no such dead letter"
        elif letter.settled_at is not None:
            reasons[letter_id] = f"is {letter.state} since {letter.settled_at:%Y-%m-%d %H:%M:%S} UTC"
        elif decision is not None:
            reasons[letter_id] = f"{decision.decided_by} decided already: {decision.action}, pending"
        elif letter.reason == "malformed" and action != "discard":
            reasons[letter_id] = "is no event: it can only be discarded"
    return reasons


async def decide(
    session: AsyncSession, letter_ids: Collection[UUID], action: Action, *, why: str, decided_by: str
) -> Sequence[DeadLetterDecision]:
    """Decide about those of the letters that are unsettled and about which no other decision is pending."""
    letters = (
        select(*LETTER_KEY, literal(action), literal(why), literal(decided_by))
        .where(DeadLetter.id.in_(letter_ids), UNSETTLED)
        .order_by(*LETTER_KEY)
    )
    made = await session.scalars(
        insert(DeadLetterDecision)
        .from_select([*(column.key for column in DECIDED_KEY), "action", "why", "decided_by"], letters)
        .on_conflict_do_nothing(index_elements=DECIDED_KEY, index_where=PENDING)
        .returning(DeadLetterDecision)
    )
    return sorted(made, key=lambda one: (one.consumer, one.aggregate_type, str(one.aggregate_id), one.version))


async def find_decisions(session: AsyncSession, ids: Collection[UUID]) -> Sequence[DeadLetterDecision]:
    query = select(DeadLetterDecision).where(DeadLetterDecision.id.in_(ids))
    return (await session.scalars(query.order_by(*DECIDED_KEY))).all()


async def position_of(session: AsyncSession, letter: DeadLetter) -> int | None:
    """The version that the letter's consumer applied last; None for a record that is no event."""
    return await find_position(session, letter.consumer, (letter.aggregate_type, letter.aggregate_id))
