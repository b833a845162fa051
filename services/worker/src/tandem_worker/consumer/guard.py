"""A limit to dead letters: a bad release must not send everything there.

The letters are counted in the database, so the limit holds over restarts and for all replicas together. Once it is
reached, an event that would die is held in its place instead and tried again: it stays in Kafka, its partition fills up
and pauses, the process is no longer ready, which also stops a rollout. A good release applies what was held.
"""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.events import DeadLetter

from tandem_worker.consumer.handlers import RetryableError


class DeadLettersTooFastError(RetryableError):
    reason = "guard"


class Guard:
    """At most `limit` events of a consumer may die within `window_seconds`."""

    def __init__(self, *, limit: int, window_seconds: int) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._held: str | None = None

    async def admit(self, session: AsyncSession, consumer: str) -> None:
        """Return if one more event may die; DeadLettersTooFastError else."""
        died = await session.scalar(
            select(func.count()).where(
                DeadLetter.consumer == consumer,
                DeadLetter.reason != "behind",
                DeadLetter.created_at > func.statement_timestamp() - timedelta(seconds=self._window_seconds),
            )
        )
        self._held = None
        if (died or 0) >= self._limit:
            self._held = f"{died} events of {consumer} died within {self._window_seconds} s: the others are held"
            raise DeadLettersTooFastError(self._held)

    def reason_against(self) -> str | None:
        """Why the consumer is not ready; None when the guard holds nothing."""
        return self._held
