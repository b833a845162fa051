"""An order's timeline as server-sent events.

Made by hand rather than by FastAPI's generator endpoints: those keep the request's dependencies and three tasks for
as long as the stream lasts, and ping at an interval of their own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi.sse import format_sse_event
from tandem_tables.orders import TimelineEntry

from tandem_api.database import DATABASE_AWAY, Database
from tandem_api.identity.refusals import RefusedCustomers
from tandem_api.identity.tokens import AccessToken
from tandem_api.orders.repository import find_state, timeline
from tandem_api.orders.schemas import timeline_entry
from tandem_api.orders.states import is_final
from tandem_api.orders.wakeups import Listener, Wakeups

HEARTBEAT = b": heartbeat\n\n"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Streams:
    """What event streams need; between two reads a stream holds nothing but its listener."""

    database: Database
    wakeups: Wakeups
    refused: RefusedCustomers
    heartbeat_seconds: float

    async def follow(self, order_id: UUID, customer: AccessToken, after: int) -> AsyncIterator[bytes]:
        """Server-sent events of the order's timeline behind version `after`, as they come.

        Ends behind the event of a final state, when the token expires, when the customer is refused, or when the
        process stops.
        """
        with self.wakeups.listening(order_id, customer.customer_id) as listener:
            while self._welcome(customer):
                listener.news.clear()  # before the read: news that come during it are not lost
                entries, finished = await self._read(order_id, customer.customer_id, after)
                for entry in entries:
                    yield encode(entry)
                    after = entry.version
                if finished:
                    return
                if not await self._wait(listener, customer) and self._welcome(customer):
                    yield HEARTBEAT

    def _welcome(self, customer: AccessToken) -> bool:
        return (
            not self.wakeups.closing and customer.customer_id not in self.refused and time.time() < customer.expires_at
        )

    async def _read(self, order_id: UUID, owner: UUID, after: int) -> tuple[Sequence[TimelineEntry], bool]:
        """New entries, and whether the order has ended; nothing new when the database is away for the moment."""
        try:
            async with self.database.reading() as session:
                entries = await timeline(session, order_id, owner, after=after)
                found = await find_state(session, order_id, owner)
        except DATABASE_AWAY as error:
            log.warning("event stream waits for the database", error=str(error).partition("\n")[0])
            return [], False
        return entries, found is None or is_final(found[0])

    async def _wait(self, listener: Listener, customer: AccessToken) -> bool:
        """Wait for news; false when a heartbeat is due or the token expires first."""
        seconds = min(self.heartbeat_seconds, max(0.0, customer.expires_at - time.time()))
        try:
            async with asyncio.timeout(seconds):
                await listener.news.wait()
        except TimeoutError:
            return False
        return True


def encode(entry: TimelineEntry) -> bytes:
    """The event on the wire: its id is the version, so a client that comes back says what it has."""
    return format_sse_event(
        id=str(entry.version), event=entry.event_type, data_str=timeline_entry(entry).model_dump_json()
    )
