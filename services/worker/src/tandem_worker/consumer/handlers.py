"""What a consumer does with an event, as the runner sees it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
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
ApplyAll = Callable[[AsyncSession, Sequence[Event]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handler:
    """`apply` runs in one transaction with the position, given what `prepare` returned.

    `prepare` runs before, with no transaction open: the place for calls to the outside, which must be idempotent,
    since a crash between the two repeats it.
    """

    apply: Apply
    prepare: Prepare | None = None


@dataclass(frozen=True, slots=True)
class SetHandler:
    """`apply_all` writes the effect of many events at once, such as a row for each, in one transaction with positions.

    Most of the cost of an event is its transaction, so this is an order of magnitude faster under load. Only for
    effects that lock no row which another event's effect locks too: else two transactions could wait for each other.
    And only for those that state no event: it would continue the trace of none of its causes.
    """

    apply_all: ApplyAll


@dataclass(frozen=True, slots=True)
class Consumer:
    """A named reader of topics; the name is its Kafka group and owns its positions and dead letters.

    Event types without a handler are passed over, known or not: only their version is noted.
    """

    name: str
    topics: tuple[str, ...]
    handlers: Mapping[str, Handler | SetHandler]

    def prepares(self, event_type: str) -> bool:
        """Whether something has to be done for an event of the type before its transaction."""
        handler = self.handlers.get(event_type)
        return isinstance(handler, Handler) and handler.prepare is not None

    def may_share(self, event_type: str) -> bool:
        """Whether an event of the type may be applied in one transaction with those of other aggregates."""
        return not isinstance(self.handlers.get(event_type), Handler)


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
