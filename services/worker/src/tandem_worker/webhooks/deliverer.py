"""Sending what waits: claimed, sent, and noted, each for itself.

No transaction is open while a partner is waited for. A process that dies behind the partner's yes sends the message
again when its lease has ended, with the same `webhook-id`: at least once, like everybody who delivers over a network.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import caused_by, tracer

from tandem_worker.consumer.handlers import retry_reason
from tandem_worker.database import SessionFactory
from tandem_worker.log_names import about
from tandem_worker.settings import WebhooksSettings
from tandem_worker.waiting import stopped_within
from tandem_worker.webhooks import metrics, repository
from tandem_worker.webhooks.repository import Claimed, Fate, Outcome, Plan
from tandem_worker.webhooks.schedule import backoff, retry_after
from tandem_worker.webhooks.sending import Answer, Sender

AWAY_SECONDS = 1.0
DRAIN_SECONDS = 3.0
GONE = "The endpoint answered 410 Gone."

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(slots=True)
class Deliverer:
    """What it takes to deliver; any number of processes may do so at once."""

    sessions: SessionFactory
    sender: Sender
    settings: WebhooksSettings
    _under_way: dict[asyncio.Task[None], bool] = field(default_factory=dict)
    """What is being sent, and whether its endpoint was failing when it was claimed."""

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then finish what soon ends; a lost database is waited for."""
        try:
            while not stop.is_set():
                try:
                    began = await self.begin_due()
                except Exception as error:
                    if not retry_reason(error):
                        raise
                    log.warning("webhooks wait", error=repr(error))
                    await stopped_within(stop, AWAY_SECONDS)
                    continue
                if not began:
                    await self._pause(stop)
            await self.finish(DRAIN_SECONDS)
        finally:
            left = tuple(self._under_way)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def begin_due(self) -> int:
        """Begin with what is due now, and there is room for; returns how much that was."""
        claimed: list[tuple[Claimed, bool]] = []
        async with self.sessions.begin() as session:
            await repository.carry_out_requests(session)
            # Those that answer come first; those that do not take half of the room at most, one message each.
            for failing, each in ((False, self.settings.webhooks_endpoint_concurrency), (True, 1)):
                room = self._room(failing) - len(claimed)
                found = await repository.claim(
                    session, failing=failing, limit=room, each=each, lease=self.settings.webhooks_lease
                )
                claimed += [(delivery, failing) for delivery in found]
        for delivery, failing in claimed:
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way[task] = failing
            task.add_done_callback(self._ended)
        return len(claimed)

    async def finish(self, seconds: float | None = None) -> None:
        """Wait until what is under way has ended, for at most `seconds`."""
        if self._under_way:
            await asyncio.wait(tuple(self._under_way), timeout=seconds)

    def _room(self, failing: bool) -> int:
        most = self.settings.webhooks_concurrency
        free = most - len(self._under_way)
        return min(free, most // 2 - sum(self._under_way.values())) if failing else free

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()):
            # Its lease ends by itself, and somebody tries again.
            log.error("delivery failed", exc_info=error)

    async def _pause(self, stop: asyncio.Event) -> None:
        """Until something has ended, which may let the next one of its order go; or until it is time to look."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait(
                {stopping, *self._under_way},
                timeout=self.settings.webhooks_poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopping.cancel()

    async def _deliver(self, delivery: Claimed) -> None:
        with tracer().start_as_current_span(
            f"deliver {delivery.event_type}",
            **caused_by({"traceparent": delivery.traceparent}),
            kind=trace.SpanKind.CLIENT,
            attributes={
                "http.request.method": "POST",
                "messaging.message.id": str(delivery.event_id),
                "tandem.event.type": delivery.event_type,
                "tandem.aggregate.id": str(delivery.aggregate_id),
                "tandem.webhook.endpoint.id": str(delivery.endpoint_id),
            },
        ) as span:
            started_at, began = datetime.now(UTC), asyncio.get_running_loop().time()
            answer = await self.sender.send(delivery)
            duration = timedelta(seconds=asyncio.get_running_loop().time() - began)
            if answer.status is not None:
                span.set_attribute("http.response.status_code", answer.status)
            if not answer.is_success:
                span.set_status(trace.StatusCode.ERROR, answer.error or f"status {answer.status}")
            metrics.DURATION.observe(duration.total_seconds(), exemplar())
            metrics.ATTEMPTS.labels(outcome=_outcome(answer)).inc()
            outcome = Outcome(started_at, duration, answer.status, answer.response, answer.error)
            fate = await self._note(delivery, answer, outcome)
            self._tell(delivery, answer, fate)

    async def _note(self, delivery: Claimed, answer: Answer, outcome: Outcome) -> Fate | None:
        if answer.is_success:
            return await self._insist(lambda session: repository.note_success(session, delivery, outcome))
        retry = self.settings.webhooks_retry
        asked = retry_after(answer.retry_after, datetime.now(UTC), at_most=retry)
        pause = max(backoff(delivery.attempts + 1), asked or timedelta())
        plan = Plan(pause=pause, retry=retry, retry_after=asked, gone=answer.is_gone)

        async def write(session: AsyncSession) -> tuple[Fate | None, bool]:
            fate = await repository.note_failure(session, delivery, outcome, plan)
            if fate != "failed":
                return fate, False
            reason = GONE if answer.is_gone else f"Nothing was accepted for {self.settings.webhooks_retry_hours:g} h."
            return fate, await repository.disable(session, delivery.endpoint_id, reason, plan)

        fate, disabled = await self._insist(write)
        if disabled:
            metrics.DISABLED.labels(reason="gone" if answer.is_gone else "failing").inc()
            log.error("webhook endpoint disabled", endpoint_id=str(delivery.endpoint_id), gone=answer.is_gone)
        return fate

    async def _insist(self, write: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Write although the database may be away for a moment, for as long as the lease can last."""
        async with asyncio.timeout(self.settings.webhooks_lease.total_seconds()):
            while True:
                try:
                    async with self.sessions.begin() as session:
                        return await write(session)
                except Exception as error:
                    if not retry_reason(error):
                        raise
                await asyncio.sleep(AWAY_SECONDS)

    def _tell(self, delivery: Claimed, answer: Answer, fate: Fate | None) -> None:
        names = {"delivery_id": str(delivery.id), "endpoint_id": str(delivery.endpoint_id)}
        names |= about(delivery.aggregate_type, delivery.aggregate_id)
        if fate is None:
            metrics.LATE_ANSWERS.inc()
            log.warning("webhook answered too late", **names)
            return
        if fate != "pending":
            metrics.SETTLED.labels(outcome="delivered" if fate == "delivered" else "given_up").inc()
        if fate == "delivered":
            age = (datetime.now(UTC) - delivery.created_at).total_seconds()
            metrics.AGE.observe(max(0.0, age), exemplar())
        log.info("webhook", fate=fate, status=answer.status, event_type=delivery.event_type, **names)


def _outcome(answer: Answer) -> str:
    """As a metric's label: success, a class of statuses, or an error."""
    if answer.is_success:
        return "success"
    return "error" if answer.status is None else f"{answer.status // 100}xx"


async def measure(sessions: SessionFactory, stop: asyncio.Event, *, pause_seconds: float = 5.0) -> None:
    """Set the gauges to what the database says, until `stop`; every replica shows the same."""
    while not stop.is_set():
        try:
            async with sessions() as session:
                pending, oldest = await repository.count_pending(session)
                endpoints = await repository.count_endpoints(session)
        except Exception as error:
            if not retry_reason(error):
                raise
            log.warning("webhooks are not measured", error=repr(error))
        else:
            metrics.PENDING.set(pending)
            metrics.OLDEST.set(oldest)
            for state in ("enabled", "disabled"):
                metrics.ENDPOINTS.labels(state=state).set(endpoints.get(state, 0))
        await stopped_within(stop, pause_seconds)
