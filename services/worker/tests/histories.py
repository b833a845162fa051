"""A world without servers for what the backbone decides: an outbox, a log, members of a consumer group, their tables.

Everything that decides is the real code (`Lanes`, `Offsets`, `standing`); what only stores is a list here. So a test
can live through thousands of histories of faults in seconds. What that cannot show (SQL, Kafka, sockets) others do.
"""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field

from tandem_worker.consumer.lanes import Lanes
from tandem_worker.consumer.offsets import Offsets
from tandem_worker.consumer.positions import standing

PARTITIONS = 2
TRANSACTION_EVENTS = 3


@dataclass(frozen=True)
class Fact:
    """Version `version` of an aggregate; those of kind "set" may share a transaction."""

    aggregate: int
    version: int
    kind: str = "alone"

    @property
    def partition(self) -> int:
        return self.aggregate % PARTITIONS


@dataclass(frozen=True)
class Delivered:
    fact: Fact
    offset: int

    @property
    def partition(self) -> int:
        return self.fact.partition

    @property
    def lane(self) -> Hashable:
        return self.fact.aggregate


@dataclass
class Tables:
    """What the database has: per aggregate the position, the effects in order, and what waits as dead letters."""

    positions: dict[int, int] = field(default_factory=dict)
    effects: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    letters: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, facts: list[Fact], poison: set[Fact]) -> bool:
        """One transaction; False when a handler failed and it was rolled back."""
        if len(facts) > 1 and any(fact in poison for fact in facts):
            return False
        for fact in facts:
            position = self.positions.setdefault(fact.aggregate, fact.version - 1)
            letters = self.letters[fact.aggregate]
            match standing(fact.version, position=position, waiting=bool(letters)):
                case "duplicate":
                    continue
                case "behind":
                    self._bury(fact)
                case "gap":
                    self._bury(fact)
                case "due" if fact in poison:
                    self._bury(fact)
                case "due":
                    self.effects[fact.aggregate].append(fact.version)
                    self.positions[fact.aggregate] = fact.version
        return True

    def _bury(self, fact: Fact) -> None:
        if fact.version not in self.letters[fact.aggregate]:
            self.letters[fact.aggregate].append(fact.version)


class Member:
    """A member of the group: what it was assigned, what it took, what it works on."""

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.lanes: Lanes[Delivered] = Lanes(lambda delivered: delivered.fact.kind == "set")
        self.offsets: dict[int, Offsets] = {}
        self.out: list[list[Delivered]] = []

    def assign(self, partition: int, offset: int) -> None:
        self.next[partition] = offset
        self.offsets[partition] = Offsets()

    def fetch(self, log: dict[int, list[Fact]], count: int) -> None:
        for partition, first in self.next.items():
            for offset, fact in enumerate(log[partition][first : first + count], start=first):
                if self.offsets[partition].take(offset):
                    self.lanes.put(Delivered(fact, offset))
                self.next[partition] = offset + 1

    def begin(self) -> None:
        taken = self.lanes.take(TRANSACTION_EVENTS)
        if taken:
            self.out.append(taken)

    def finish(self, which: int, tables: Tables, poison: set[Fact]) -> None:
        """Commit the transaction, or those of its events one by one, then let their lanes go on."""
        taken = self.out.pop(which)
        facts = [delivered.fact for delivered in taken]
        if not tables.apply(facts, poison):
            for fact in facts:
                tables.apply([fact], poison)
        for delivered in taken:
            self.offsets[delivered.partition].finish(delivered.offset)
        for lane in {delivered.lane for delivered in taken}:
            self.lanes.finish(lane)

    def roll_back(self, which: int) -> None:
        """The database is away for a moment: the transaction is tried again later, in its place."""
        self.out.append(self.out.pop(which))

    def commit(self, committed: dict[int, int]) -> None:
        for partition, offsets in self.offsets.items():
            offset = offsets.to_commit()
            if offset is not None:
                committed[partition] = offset
                offsets.committed(offset)

    def revoke(self, partition: int, committed: dict[int, int], tables: Tables, poison: set[Fact]) -> None:
        """Give a partition back: finish what is under way, commit it, forget the rest."""
        self.lanes.forget(partition)
        while any(delivered.partition == partition for taken in self.out for delivered in taken):
            self.finish(0, tables, poison)
        self.commit(committed)
        self.offsets.pop(partition)
        self.next.pop(partition)
