"""Sending what is noted.

A mail is claimed, sent, and marked, each for itself: SMTP knows no transaction. Here, and only here, something may
happen twice: a process that dies between the server's yes and the mark sends the mail again when its claim has run out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from random import uniform
from time import perf_counter

import structlog
from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_runtime.mail import MailFolder, MailServer
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import caused_by, tracer

from tandem_worker.consumer.handlers import retry_reason
from tandem_worker.database import SessionFactory, autocommit
from tandem_worker.notifications import metrics, repository
from tandem_worker.notifications.mails import compose
from tandem_worker.notifications.post import Post, PostAwayError, PutOffError, RefusedError, open_post
from tandem_worker.notifications.repository import Claimed, Facts
from tandem_worker.waiting import stopped_within

LOOK_SECONDS = 1.0
AWAY_SECONDS = (1.0, 30.0)
# Doubled with each attempt, up to the second.
LATER_SECONDS = (30.0, 3600.0)
MARK_SECONDS = (0.1, 2.0, 20.0)  # pauses from, to; and how long in all: the claim must not run out meanwhile

log = structlog.get_logger()


@dataclass(slots=True)
class Sending:
    """What it takes to send; `away` is why the mail server could not be used when it was last tried."""

    sessions: SessionFactory
    target: MailServer | MailFolder
    sender: Address
    age_limit: timedelta
    away: str | None = None

    def reason_against(self) -> str | None:
        return self.away

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set; what is away is waited for."""
        pause = AWAY_SECONDS[0]
        while not stop.is_set():
            try:
                await self.send_due(stop)
                pause = AWAY_SECONDS[0]
                await stopped_within(stop, LOOK_SECONDS)
            except Exception as error:
                if not retry_reason(error):
                    raise
                log.warning("mails wait", error=str(error).partition("\n")[0], pause_seconds=pause)
                await stopped_within(stop, pause * uniform(0.5, 1.0))  # noqa: S311 - not a secret
                pause = min(pause * 2, AWAY_SECONDS[1])

    async def send_due(self, stop: asyncio.Event) -> None:
        """Send what is due now over one connection; none is made when there is nothing, but to see who was away."""
        async with autocommit(self.sessions) as session:
            if not self.away and not await repository.is_any_due(session):
                return
        try:
            async with open_post(self.target) as post:
                self.away = None
                while not stop.is_set() and (mail := await self._claim()):
                    await self._handle(mail, post)
        except PostAwayError as error:
            self.away = str(error)
            metrics.AWAY.inc()
            raise

    async def _claim(self) -> Claimed | None:
        async with autocommit(self.sessions) as session:
            return await repository.claim(session)

    async def _handle(self, mail: Claimed, post: Post) -> None:
        with tracer().start_as_current_span(
            f"send {mail.kind}",
            **caused_by({"traceparent": mail.traceparent}),
            kind=trace.SpanKind.CLIENT,
            attributes={"tandem.mail.id": str(mail.id), "tandem.aggregate.id": str(mail.order_id)},
        ) as span:
            outcome = await self._send(mail, post)
            span.set_attribute("tandem.outcome", outcome)

    async def _send(self, mail: Claimed, post: Post) -> str:
        try:
            async with self.sessions() as session:
                facts = await repository.facts_about(session, mail)
            if reason := self._why_skip(mail, facts):
                return await self._settle(mail, "skipped", reason)
            message = compose(mail, facts, self.sender)
        except Exception as error:
            if retry_reason(error):
                raise
            # An address that is none, an event without what its text needs: one mail, and no reason to stop the others.
            shown = None if isinstance(error, ValueError) else error  # those are about the address, and name it
            names = {"mail_id": str(mail.id), "order_id": str(mail.order_id)}
            log.error("mail cannot be made", exc_info=shown, **names)  # noqa: TRY400 - so not always
            return await self._settle(mail, "failed", f"It cannot be made: {type(error).__name__}.")
        began = perf_counter()
        try:
            await post(message)
        except PostAwayError as error:
            await self._put_off(mail, str(error))
            raise
        except PutOffError as error:
            return await self._put_off(mail, str(error))
        except RefusedError as error:
            return await self._settle(mail, "failed", str(error))
        finally:
            metrics.DURATION.observe(perf_counter() - began, exemplar())
        metrics.DELAY.labels(kind=mail.kind).observe(max(0.0, mail.age.total_seconds()), exemplar())
        return await self._settle(mail, "sent")

    def _why_skip(self, mail: Claimed, facts: Facts) -> str | None:
        """Why nobody shall get the mail any more; None when somebody shall."""
        if facts.is_erased:
            return "The customer is erased."
        if not facts.is_active:
            return "The customer is deactivated."
        if facts.email.endswith(".invalid"):  # RFC 2606; the probe's, a machine's
            return "Nobody can have the address."
        if mail.age > self.age_limit:
            return f"It is {_hours(mail.age)} old, and the limit is {_hours(self.age_limit)}."
        return None

    async def _put_off(self, mail: Claimed, error: str) -> str:
        seconds = min(LATER_SECONDS[0] * 2 ** min(mail.attempts - 1, 10), LATER_SECONDS[1])
        pause = timedelta(seconds=seconds * uniform(0.8, 1.2))  # noqa: S311 - not a secret
        await _insist(self.sessions, lambda session: repository.try_later(session, mail, pause=pause, error=error))
        return _noted(mail, "put_off")

    async def _settle(self, mail: Claimed, state: repository.Settled, error: str = "") -> str:
        await _insist(self.sessions, lambda session: repository.settle(session, mail, state, error=error))
        return _noted(mail, state)


async def measure(sessions: SessionFactory, stop: asyncio.Event, *, pause_seconds: float = 5.0) -> None:
    """Set the gauges to what the database says, until `stop`; every replica shows the same."""
    while not await stopped_within(stop, pause_seconds):
        try:
            async with autocommit(sessions) as session:
                count, oldest = await repository.count_pending(session)
        except Exception as error:
            if not retry_reason(error):
                raise
            continue
        metrics.PENDING.set(count)
        metrics.OLDEST.set(oldest)


async def _insist(sessions: SessionFactory, write: Callable[[AsyncSession], Awaitable[None]]) -> None:
    """Write although the database may be away for a moment: what is not marked is sent again."""
    pause, most, in_all = MARK_SECONDS
    loop = asyncio.get_running_loop()
    deadline = loop.time() + in_all
    while True:
        try:
            async with autocommit(sessions) as session:
                await write(session)
        except Exception as error:
            if not retry_reason(error) or loop.time() > deadline:
                raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, most)
        else:
            return


def _noted(mail: Claimed, outcome: str) -> str:
    metrics.OUTCOMES.labels(kind=mail.kind, outcome=outcome).inc()
    # Not what the server said: that may name the address. It is in the row.
    tell = log.warning if outcome == "failed" else log.info
    tell("mail", outcome=outcome, kind=mail.kind, mail_id=str(mail.id), order_id=str(mail.order_id))
    return outcome


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:.1f} h"
