"""Who is waiting for news of which order, in this process."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tandem_api.metrics import OPEN_EVENT_STREAMS, REFUSED_EVENT_STREAMS
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError

# When to come back: by then others may have gone, and a load balancer may choose another pod.
RETRY_SECONDS = 15


@dataclass(eq=False, slots=True)
class Listener:
    """One event stream; `news` is set when its order may have changed, or when the stream should look around.

    `seen` is the version up to which it has told everything, `gone` whether its client is.
    """

    customer_id: UUID
    seen: int
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False

    def leave(self) -> None:
        self.gone = True
        self.news.set()


class Wakeups:
    """Tells listeners that there is news; what it is, they read from the database.

    At most `limit` of them at once, and `customer_limit` of one customer.
    """

    def __init__(self, *, limit: int, customer_limit: int) -> None:
        self._limit = limit
        self._customer_limit = customer_limit
        self._listeners: dict[UUID, set[Listener]] = defaultdict(set)
        self._by_customer: Counter[UUID] = Counter()
        self._open = 0
        self.closing = False

    @contextmanager
    def listening(self, order_id: UUID, customer_id: UUID, *, after: int) -> Iterator[Listener]:
        """A listener that has seen all up to version `after`; a problem when there are too many."""
        self._admit(customer_id)
        listener = Listener(customer_id, after)
        listener.news.set()  # it begins with a look
        self._listeners[order_id].add(listener)
        self._by_customer[customer_id] += 1
        self._open += 1
        OPEN_EVENT_STREAMS.inc()
        try:
            yield listener
        finally:
            OPEN_EVENT_STREAMS.dec()
            self._open -= 1
            self._by_customer[customer_id] -= 1
            if not self._by_customer[customer_id]:
                del self._by_customer[customer_id]
            self._listeners[order_id].discard(listener)
            if not self._listeners[order_id]:
                del self._listeners[order_id]

    def followed(self) -> list[UUID]:
        """The orders that somebody listens to."""
        return list(self._listeners)

    def wake_behind(self, versions: Mapping[UUID, int]) -> None:
        """Wake who has not seen the version that the order has."""
        for order_id, version in versions.items():
            for listener in self._listeners.get(order_id, ()):
                if listener.seen < version:
                    listener.news.set()

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

    def _admit(self, customer_id: UUID) -> None:
        after = {"Retry-After": str(RETRY_SECONDS)}
        if self._by_customer[customer_id] >= self._customer_limit:
            REFUSED_EVENT_STREAMS.labels(limit="customer").inc()
            raise ProblemError(types.TOO_MANY_STREAMS, f"There are {self._customer_limit} already.", headers=after)
        if self._open >= self._limit:
            REFUSED_EVENT_STREAMS.labels(limit="process").inc()
            raise ProblemError(types.UNAVAILABLE, "There are too many event streams here.", headers=after)

    def _all(self) -> list[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]
