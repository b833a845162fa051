"""The publishing half of the world without servers: transactions that commit late, an outbox, a relay, a broker.

The relay's real decisions (`plan`, `settle`, `Floor`, `overtaking`) run here over lists.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from histories import Fact
from tandem_worker.relay.floors import SETTLING_SECONDS, Floor, overtaking
from tandem_worker.relay.rounds import BATCH_BYTES, Aggregate, Delivery, Fault, Partition, Suspects, plan, settle


@dataclass
class Row:
    """An event in the outbox; `visible` once its transaction has committed."""

    id: int
    fact: Fact
    visible: bool = False
    former_id: int | None = None

    # What the relay calls a record is the same thing here: two of them fill a batch.
    size = BATCH_BYTES // 2

    @property
    def aggregate(self) -> Aggregate:
        return "order", UUID(int=self.fact.aggregate)

    @property
    def partition(self) -> Partition:
        return "orders", self.fact.partition

    @property
    def row_id(self) -> int:
        return self.id


@dataclass
class Outbox:
    """Streams and outbox, as `append_event` keeps them: whoever appends holds the stream's head to the commit."""

    versions: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    rows: dict[int, Row] = field(default_factory=dict)
    open: list[list[Row]] = field(default_factory=list)
    last_id: int = 0

    def begin(self, aggregates: list[int], kind: str) -> list[Fact]:
        """A transaction that appends to the streams that nobody holds; it stays open."""
        held = {row.fact.aggregate for transaction in self.open for row in transaction}
        transaction = []
        for aggregate in aggregates:
            if aggregate not in held:
                self.versions[aggregate] += 1
                self.last_id += 1
                transaction.append(Row(self.last_id, Fact(aggregate, self.versions[aggregate], kind)))
        self.open.append(transaction)
        return [row.fact for row in transaction]

    def commit(self, which: int) -> None:
        if self.open:
            for row in self.open.pop(which % len(self.open)):
                self.rows[row.id] = row

    def roll_back(self, which: int) -> list[Fact]:
        if not self.open:
            return []
        transaction = self.open.pop(which % len(self.open))
        for row in transaction:
            self.versions[row.fact.aggregate] = min(self.versions[row.fact.aggregate], row.fact.version - 1)
        return [row.fact for row in transaction]

    def read(self, *, behind: int, limit: int) -> list[Row]:
        ids = {(row.fact.aggregate, row.fact.version): row.id for row in self.rows.values()}
        rows = [row for row_id, row in sorted(self.rows.items()) if row_id > behind][:limit]
        for row in rows:
            row.former_id = ids.get((row.fact.aggregate, row.fact.version - 1))
        return rows


@dataclass(frozen=True)
class Answers:
    """How a round of the broker and of the relay's life goes."""

    batches: int = 1000  # acknowledged per partition
    lost: bool = False  # one more is appended, its acknowledgement lost
    dies: bool = False  # the relay, before it deletes


class RelayProcess:
    """One relay; a new one begins at the start of the outbox."""

    def __init__(self) -> None:
        self._floor = Floor()
        self._suspects = Suspects()
        self._late: set[Aggregate] = set()

    def publish(self, outbox: Outbox, log: dict[int, list[Fact]], answers: Answers, *, now: float, limit: int) -> bool:
        """One round; False when it ends in a fault, after which there has to be a new relay."""
        found = outbox.read(behind=self._floor.behind, limit=limit)
        late = self._late | overtaking(found)
        self._late = set()
        rows = [row for row in found if row.aggregate not in late]
        rows += [row for row in outbox.read(behind=0, limit=1000) if row.aggregate in late]
        planned = plan(rows, lambda row: row, self._suspects)
        deliveries = {}
        for partition, batches in planned.batches.items():
            done = min(answers.batches, len(batches))
            appended = batches[: done + answers.lost]
            log[partition[1]] += [row.fact for batch in appended for row in batch]
            fault = Fault.PASSING if done < len(batches) else None
            deliveries[partition] = Delivery(done, fault, ConnectionError() if fault else None)
        settled = settle(planned, deliveries, self._suspects)
        if answers.dies:
            return False
        for row in settled.published:
            del outbox.rows[row.id]
        if settled.fault is not None:
            return False
        self._floor.advance(now, found[-1].id if found else None, to_the_end=len(found) < limit)
        return True

    def sweep(self, outbox: Outbox) -> None:
        """Look for what became visible below the floor."""
        self._late |= {row.aggregate for row in outbox.rows.values() if row.id <= self._floor.value}


LONG_ENOUGH = SETTLING_SECONDS * 2
