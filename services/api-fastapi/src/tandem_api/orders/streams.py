"""An order's timeline as server-sent events.

Made by hand rather than by the frameworks' streaming answers: those keep the request's dependencies, or a group of
tasks, for as long as the stream lasts. Of idle streams a process may have thousands: between two events one holds its
listener and a task that waits for the client to leave, and reads nothing. Whether an event was missed is looked up for
all of them at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi.sse import format_sse_event
from starlette.responses import Response
from tandem_tables.orders import TimelineEntry

from tandem_api.database import DATABASE_AWAY, Database
from tandem_api.identity.refusals import RefusedCustomers
from tandem_api.identity.tokens import AccessToken
from tandem_api.orders.repository import find_state, latest_versions, timeline
from tandem_api.orders.schemas import timeline_entry
from tandem_api.orders.states import is_final
from tandem_api.orders.wakeups import Listener, Wakeups
from tandem_api.transport import Receive, Scope, Send

HEARTBEAT = b": heartbeat\n\n"
# Orders whose versions are asked for in one statement.
LOOKED_UP_AT_ONCE = 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Streams:
    """What event streams need."""

    database: Database
    wakeups: Wakeups
    refused: RefusedCustomers
    heartbeat_seconds: float

    async def follow(self, order_id: UUID, customer: AccessToken, listener: Listener) -> AsyncIterator[bytes]:
        """Server-sent events of the order's timeline behind what the listener has seen, as they come.

        Ends behind the event of a final state, when the token expires, when the customer is refused or gone, or when
        the process stops.
        """
        while self._welcome(customer, listener):
            listener.news.clear()  # before the read: news that come during it are not lost
            entries, finished = await self._read(order_id, customer.customer_id, listener.seen)
            for entry in entries:
                yield encode(entry)
                listener.seen = entry.version
            if finished:
                return
            while not await self._news(listener, customer) and self._welcome(customer, listener):
                yield HEARTBEAT

    async def look_up(self) -> None:
        """Until cancelled, wake the streams whose events were missed: the feed may be without a broker."""
        while True:
            await asyncio.sleep(self.heartbeat_seconds)
            followed = self.wakeups.followed()
            with suppress(*DATABASE_AWAY):  # the next time will do
                for first in range(0, len(followed), LOOKED_UP_AT_ONCE):
                    async with self.database.reading() as session:
                        versions = await latest_versions(session, followed[first : first + LOOKED_UP_AT_ONCE])
                    self.wakeups.wake_behind(versions)

    def _welcome(self, customer: AccessToken, listener: Listener) -> bool:
        return (
            not listener.gone
            and not self.wakeups.closing
            and customer.customer_id not in self.refused
            and time.time() < customer.expires_at
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

    async def _news(self, listener: Listener, customer: AccessToken) -> bool:
        """Wait for news; false when a heartbeat is due or the token expires first."""
        seconds = min(self.heartbeat_seconds, max(0.0, customer.expires_at - time.time()))
        try:
            async with asyncio.timeout(seconds):
                await listener.news.wait()
        except TimeoutError:
            return False
        return True


class EventStream(Response):
    """The answer that follows an order; a problem instead when there are too many."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, order_id: UUID, customer: AccessToken, *, after: int) -> None:
        self._streams = streams
        self._order_id = order_id
        self._customer = customer
        self._after = after
        # What FastAPI looks at; the rest of a response is a body, of which there is none yet.
        self.status_code, self.background = 200, None
        # X-Accel-Buffering: a reverse proxy must pass each event on at once.
        self.init_headers({"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        customer_id = self._customer.customer_id
        with self._streams.wakeups.listening(self._order_id, customer_id, after=self._after) as listener:
            leaving = asyncio.create_task(_wait_for_leave(receive, listener))
            try:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for event in self._streams.follow(self._order_id, self._customer, listener):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                leaving.cancel()


async def _wait_for_leave(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.leave()


def encode(entry: TimelineEntry) -> bytes:
    """The event on the wire: its id is the version, so a client that comes back says what it has."""
    return format_sse_event(
        id=str(entry.version), event=entry.event_type, data_str=timeline_entry(entry).model_dump_json()
    )
