"""Who is waiting for news of which order, in this process."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tandem_api.metrics import OPEN_EVENT_STREAMS


@dataclass(eq=False, slots=True)
class Listener:
    """One event stream; `news` is set when its order may have changed, or when the stream should look around."""

    customer_id: UUID
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Wakeups:
    """Tells listeners that there is news; what it is, they read from the database."""

    def __init__(self) -> None:
        self._listeners: dict[UUID, set[Listener]] = defaultdict(set)
        self.closing = False

    @contextmanager
    def listening(self, order_id: UUID, customer_id: UUID) -> Iterator[Listener]:
        listener = Listener(customer_id)
        self._listeners[order_id].add(listener)
        OPEN_EVENT_STREAMS.inc()
        try:
            yield listener
        finally:
            OPEN_EVENT_STREAMS.dec()
            self._listeners[order_id].discard(listener)
            if not self._listeners[order_id]:
                del self._listeners[order_id]

    def wake_orders(self, order_ids: Iterable[UUID]) -> None:
        for order_id in order_ids:
            for listener in self._listeners.get(order_id, ()):
                listener.news.set()

    def wake_customers(self, customer_ids: Iterable[UUID]) -> None:
        wanted = frozenset(customer_ids)
        for listener in self._all():
            if listener.customer_id in wanted:
                listener.news.set()

    def wake_all(self) -> None:
        for listener in self._all():
            listener.news.set()

    def close(self) -> None:
        """End all streams: they see `closing` and return."""
        self.closing = True
        self.wake_all()

    def _all(self) -> list[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]
