"""What may be committed of a partition whose events are finished in any order."""

from collections import deque


class Offsets:
    """The offsets of one partition that are in hand, in the order in which Kafka gave them.

    Kafka keeps one number a partition, "everything before is done", so an event that waits keeps back the commit of all
    behind it. They are delivered again after a crash, and the positions tell that they were applied.
    """

    def __init__(self) -> None:
        self._in_hand: deque[tuple[int, float]] = deque()
        self._finished: set[int] = set()
        self._last = -1
        self._next: int | None = None
        self._committed: int | None = None

    def __len__(self) -> int:
        """How many are taken and not yet before the commit."""
        return len(self._in_hand)

    def take(self, offset: int, stated: float = 0.0) -> bool:
        """Take the record at `offset` in hand; False for one that was taken before, which a rebalance may bring about.

        Offsets rise, with gaps where Kafka has none to give. `stated` is when its event was, in seconds since 1970.
        """
        if offset <= self._last:
            return False
        self._last = offset
        self._in_hand.append((offset, stated))
        return True

    def finish(self, offset: int) -> None:
        """Note that the database has what came of the record."""
        self._finished.add(offset)
        while self._in_hand and self._in_hand[0][0] in self._finished:
            done, _ = self._in_hand.popleft()
            self._finished.remove(done)
            self._next = done + 1

    def oldest(self) -> float | None:
        """When the first event that is not finished was stated; None when all are."""
        return self._in_hand[0][1] if self._in_hand else None

    def behind(self, end: int) -> int:
        """How many offsets there are from the first that is not finished up to `end`, Kafka's next."""
        first = self._in_hand[0][0] if self._in_hand else self._last + 1
        return max(0, end - first)

    def to_commit(self) -> int | None:
        """The offset to go on from after a crash; None when it is committed already, or nothing is finished."""
        return self._next if self._next != self._committed else None

    def committed(self, offset: int) -> None:
        self._committed = offset
