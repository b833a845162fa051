"""Carrying out what was decided about dead letters: in the order of their aggregate, and once.

Only heads are touched: a letter's turn comes when those before it are settled. Any number of replicas may do this at
once, and live events may arrive meanwhile: all hold the lock of the aggregate's position, and look again behind it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto

import structlog
from opentelemetry.trace import Span
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event
from tandem_runtime.tracing import caused_by, tracer

from tandem_worker.consumer.handlers import Consumer, Handler, SetHandler, retry_reason
from tandem_worker.consumer.inbox import Outcome, Prepared, prepare_event
from tandem_worker.consumer.metrics import EVENTS, RETRIES
from tandem_worker.consumer.positions import advance_positions
from tandem_worker.database import SessionFactory
from tandem_worker.dead_letters import repository
from tandem_worker.dead_letters.metrics import DECISIONS
from tandem_worker.dead_letters.repository import Head
from tandem_worker.log_names import about

log = structlog.get_logger()


class Step(Enum):
    WAIT = auto()
    APPLY = auto()
    DISCARD = auto()
    REFUSE = auto()
    MARK_GAP = auto()


class Progress(Enum):
    NONE = auto()
    MADE = auto()
    HELD_UP = auto()


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a step: of the event, if that is news, and of the decision, if there was one."""

    head: Head
    event: Outcome | None = None
    failure: str = ""


def next_step(head: Head) -> tuple[Step, str]:
    """What is to be done about a head, and why that is not to apply it."""
    if head.action == "discard":
        return Step.DISCARD, ""
    if head.position is None:
        return (Step.REFUSE if head.action else Step.WAIT), "the record is no event: it can only be discarded"
    if head.version == head.position + 1:
        waits = head.state == "dead" and head.reason != "gap" and head.action is None
        return (Step.WAIT if waits else Step.APPLY), ""
    if head.action == "replay_despite_gap" and head.version > head.position:
        return Step.APPLY, ""
    why = f"gap: version {head.version} came after {head.position}"
    if head.action:
        return Step.REFUSE, why
    return (Step.MARK_GAP if head.state == "queued" else Step.WAIT), why


@dataclass(frozen=True, slots=True)
class Replay:
    """What it takes to settle the letters of a consumer."""

    consumer: Consumer
    sessions: SessionFactory

    async def settle(self, head: Head) -> Progress:
        """Take the next step with `head`, unless somebody else was first; what may pass by itself is left as it is."""
        step, why = next_step(head)
        if step is Step.WAIT:
            return Progress.NONE
        try:
            with self._span(head):
                report = await self._take(step, why, head)
        except Exception as error:
            reason = retry_reason(error)
            if reason is None:
                raise
            RETRIES.labels(consumer=self.consumer.name, reason=reason).inc()
            log.warning("dead letter will be tried again", error=repr(error), **self._names(head))
            return Progress.HELD_UP
        if report is not None:
            self._tell(step, report)
        return Progress.MADE

    async def _take(self, step: Step, why: str, read: Head) -> Report | None:
        event = read.event()
        prepared = await prepare_event(self.consumer, event) if step is Step.APPLY else Prepared()
        async with self.sessions.begin() as session:
            head = await repository.lock_head(session, self.consumer.name, read)
            if head is None or next_step(head) != (step, why):
                return None
            report = Report(head, failure=why)
            match step:
                case Step.APPLY:
                    report = await self._replay(session, head, event, prepared)
                case Step.DISCARD:
                    await self._discard(session, head)
                case Step.MARK_GAP:
                    await repository.keep_dead(session, head.id, reason="gap", error=why)
            if head.decision_id is not None:
                await repository.close_decision(session, head.decision_id, report.failure)
            return report

    async def _replay(self, session: AsyncSession, head: Head, event: Event, prepared: Prepared) -> Report:
        try:
            async with session.begin_nested():
                await self._apply(session, event, prepared)
        except Exception as error:
            if retry_reason(error):
                raise
            log.exception("dead letter is still poison", **self._names(head))
            failure = f"{type(error).__name__}: {error}"
            await repository.keep_dead(session, head.id, reason="poison", error=failure)
            return Report(head, Outcome.DEAD if head.state == "queued" else None, failure)
        await advance_positions(session, self.consumer.name, {head.aggregate: head.version})
        await repository.settle(session, head.id, "replayed")
        return Report(head, Outcome.APPLIED if event.type in self.consumer.handlers else Outcome.PASSED_OVER)

    async def _discard(self, session: AsyncSession, head: Head) -> None:
        if head.position is not None and head.version > head.position:
            await advance_positions(session, self.consumer.name, {head.aggregate: head.version})
        await repository.settle(session, head.id, "discarded")

    async def _apply(self, session: AsyncSession, event: Event, prepared: Prepared) -> None:
        match self.consumer.handlers.get(event.type):
            case Handler() as handler:
                await handler.apply(session, event, prepared.result())
            case SetHandler() as handler:
                await handler.apply_all(session, [event])
        await session.flush()
        # What a deferred constraint has to say, it says in the savepoint rather than at the commit.
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def _tell(self, step: Step, report: Report) -> None:
        head = report.head
        if report.event is not None:
            EVENTS.labels(consumer=self.consumer.name, type=head.type, outcome=report.event).inc()
        if head.action is not None:
            outcome = "failed" if report.failure else "done"
            DECISIONS.labels(consumer=self.consumer.name, action=head.action, outcome=outcome).inc()
        log.info(
            "dead letter handled",
            step=step.name.lower(),
            decision=head.action,
            failure=report.failure or None,
            **self._names(head),
        )

    def _names(self, head: Head) -> dict[str, str]:
        return {
            "consumer": self.consumer.name,
            "event_type": head.type,
            "event_id": str(head.event_id),
            **about(head.aggregate_type, head.aggregate_id),
        }

    def _span(self, head: Head) -> AbstractContextManager[Span]:
        """A span that continues the trace of the event's cause, as the first attempt did."""
        return tracer().start_as_current_span(
            f"settle {head.type}",
            **caused_by(head.event().trace),
            attributes={
                "messaging.message.id": str(head.event_id),
                "tandem.event.type": head.type,
                "tandem.aggregate.id": str(head.aggregate_id),
                "tandem.decision": head.action or "",
            },
        )
