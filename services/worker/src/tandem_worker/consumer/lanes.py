"""Who is next: the events of an aggregate one after the other, different aggregates side by side.

No I/O and no clock: a state machine in the tests drives it through histories that no test with servers could afford.
"""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class InLane(Protocol):
    """What travels in lanes: `lane` names its aggregate, `partition` where it came from."""

    @property
    def lane(self) -> Hashable: ...

    @property
    def partition(self) -> Hashable: ...


D = TypeVar("D", bound=InLane)


class Lanes(Generic[D]):
    """Deliveries in the order in which they came, one lane an aggregate.

    A lane is either idle (its head may be taken) or out (its head is being worked on); so no two events of an aggregate
    are ever worked on at once. `together(delivery)` tells which may share a transaction with others.
    """

    def __init__(self, together: Callable[[D], bool]) -> None:
        self._together = together
        self._waiting: dict[Hashable, deque[D]] = {}
        self._out: set[Hashable] = set()
        # Idle lanes in the order in which they became idle, by what their head needs.
        self._alone: deque[Hashable] = deque()
        self._shared: deque[Hashable] = deque()
        self._alone_was_last = False

    @property
    def ready(self) -> bool:
        """Whether `take` would return something."""
        return bool(self._alone or self._shared)

    def put(self, delivery: D) -> None:
        """Add a delivery behind those of its aggregate."""
        lane = self._waiting.get(delivery.lane)
        if lane is not None:
            lane.append(delivery)
            return
        self._waiting[delivery.lane] = deque([delivery])
        if delivery.lane not in self._out:
            self._enqueue(delivery.lane)

    def take(self, limit: int) -> list[D]:
        """One delivery that has to be alone, or up to `limit` that may share a transaction; none when none is ready.

        Those that share come from many lanes, and several of a lane may be among them, in order. The two kinds take
        turns, so that neither starves.
        """
        if self._alone and not (self._shared and self._alone_was_last):
            self._alone_was_last = True
            lane = self._alone.popleft()
            self._out.add(lane)
            return [self._pop(lane)]
        self._alone_was_last = False
        taken: list[D] = []
        while self._shared and len(taken) < limit:
            lane = self._shared.popleft()
            self._out.add(lane)
            while len(taken) < limit and lane in self._waiting and self._together(self._waiting[lane][0]):
                taken.append(self._pop(lane))
        return taken

    def finish(self, lane: Hashable) -> None:
        """Say that nothing of the lane is worked on any more: its next delivery may be taken."""
        self._out.discard(lane)
        if lane in self._waiting:
            self._enqueue(lane)

    def forget(self, partition: Hashable) -> None:
        """Drop what waits and came from `partition`; what is being worked on goes on."""
        for lane in [lane for lane, waiting in self._waiting.items() if waiting[0].partition == partition]:
            del self._waiting[lane]
        self._alone = deque(lane for lane in self._alone if lane in self._waiting)
        self._shared = deque(lane for lane in self._shared if lane in self._waiting)

    def _enqueue(self, lane: Hashable) -> None:
        (self._shared if self._together(self._waiting[lane][0]) else self._alone).append(lane)

    def _pop(self, lane: Hashable) -> D:
        waiting = self._waiting[lane]
        delivery = waiting.popleft()
        if not waiting:
            del self._waiting[lane]
        return delivery
