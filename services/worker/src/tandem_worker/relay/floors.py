"""Where a lane reads on, and where it begins again.

Reading `ORDER BY id LIMIT n` from the beginning walks over the index entries of all that was published and deleted,
until vacuum has removed them, and a transaction that is held open keeps vacuum away. So a lane reads on behind the last
row it has seen, and begins again, when it has come to the end, at its floor: what it had seen a moment ago. Rows become
visible in another order than their ids, for transactions commit when they like; the moment covers nearly all of them.

That is for speed alone. Nothing below the floor is lost, because a sweep looks for it (`watch.py`); and nothing passes
it by, because an event is not sent while an earlier one of its aggregate waits (`overtaking`).
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from tandem_worker.relay.rounds import Aggregate

SETTLING_SECONDS = 1.0


class Floor:
    """`behind` is the id to read on behind, `value` the id that all below it is swept for; both are 0 at first."""

    def __init__(self) -> None:
        self.value = 0
        self.behind = 0
        self._seen: deque[tuple[float, int]] = deque()

    def advance(self, now: float, last: int | None, *, to_the_end: bool) -> None:
        """Note that all that is visible up to id `last` was read and dealt with; `to_the_end`: there is nothing more.

        `now` is a clock's time in seconds, of before the reading. Call it when the rows are deleted: the sweep takes
        all that it finds below the floor for late.
        """
        if last is not None and last > self.behind:
            self.behind = last
            self._seen.append((now, last))
        while self._seen and self._seen[0][0] <= now - SETTLING_SECONDS:
            self.value = max(self.value, self._seen.popleft()[1])
        if to_the_end:
            self.behind = self.value


class Versioned(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def aggregate(self) -> Aggregate: ...
    @property
    def former_id(self) -> int | None: ...


def overtaking(rows: Iterable[Versioned]) -> set[Aggregate]:
    """The aggregates in `rows` of which an earlier event still waits in the outbox and is not among `rows`.

    One look at the version before is enough: versions have no gap, one that is visible had all before it committed,
    and they are deleted in order.
    """
    seen: set[int] = set()
    late: set[Aggregate] = set()
    for row in rows:
        if row.former_id is not None and row.former_id not in seen:
            late.add(row.aggregate)
        seen.add(row.id)
    return late
