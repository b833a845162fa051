"""What a consumer does with an event, as the runner sees it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event


class RetryableError(Exception):
    """A passing fault: somebody we need is away. The event is tried again in its place."""

    reason = "unavailable"


class PoisonError(Exception):
    """This event can never be applied. It becomes a dead letter, and its aggregate's later events queue behind it."""


Prepare = Callable[[Event], Awaitable[Any]]
Apply = Callable[[AsyncSession, Event, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handler:
    """`apply` runs in one transaction with the position, given what `prepare` returned.

    `prepare` runs before, with no transaction open: the place for calls to the outside, which must be idempotent,
    since a crash between the two repeats it.

    `together` allows that events of several aggregates share the transaction, which saves most of its cost. Only for a
    handler that locks nothing but rows of its own aggregate: else two transactions could wait for each other.
    """

    apply: Apply
    prepare: Prepare | None = None
    together: bool = False


@dataclass(frozen=True, slots=True)
class Consumer:
    """A named reader of topics; the name is its Kafka group and owns its positions and dead letters.

    Event types without a handler are passed over, known or not: only their version is noted.
    """

    name: str
    topics: tuple[str, ...]
    handlers: Mapping[str, Handler]

    def may_share(self, event_type: str) -> bool:
        """Whether an event of the type may be applied in one transaction with those of other aggregates."""
        handler = self.handlers.get(event_type)
        return handler is None or (handler.together and handler.prepare is None)


def retry_reason(error: Exception) -> str | None:
    """Why `error` may pass by itself, as a metric label; None when it will not."""
    if isinstance(error, RetryableError):
        return error.reason
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError | psycopg.InterfaceError):
            # deadlocks, serialization failures and time-outs are OperationalErrors too
            return "database"
        return None
    if isinstance(error, PoolTimeoutError):
        return "database"
    if isinstance(error, OSError):
        return "unavailable"
    return None
