"""A round of publishing as pure steps: which records go together, and what the broker's answers come to.

A record batch is appended whole or not at all, so several events of an aggregate may share one, in order. A partition's
next batch is sent when the one before is acknowledged, and none after one that failed. So no event is ever in Kafka
before an earlier one of its aggregate, whatever fails, without a round trip for each.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar
from uuid import UUID

BATCH_BYTES = 256 * 1024
# So often an event is refused for a reason that may pass before it is held for unsendable.
DOUBTFUL_REFUSALS = 5

Aggregate = tuple[str, UUID]
Partition = tuple[str, int]


class UnsendableError(Exception):
    """The row itself is at fault: no repetition can cure it."""


class Fault(Enum):
    """Why a batch was not acknowledged."""

    PASSING = auto()  # nothing is known about the batch: it is read and sent again
    DOUBTFUL = auto()  # the broker refused it without a reason that we understand
    REFUSED = auto()  # the broker refused it, and would again


class Row(Protocol):
    """What a round needs of a row of the outbox."""

    @property
    def id(self) -> int: ...
    @property
    def aggregate(self) -> Aggregate: ...


class Record(Protocol):
    """What a round needs of the record that carries an event; `size` is in bytes."""

    @property
    def row_id(self) -> int: ...
    @property
    def aggregate(self) -> Aggregate: ...
    @property
    def partition(self) -> Partition: ...
    @property
    def size(self) -> int: ...


RowT = TypeVar("RowT", bound=Row)
RecordT = TypeVar("RecordT", bound=Record)


@dataclass(slots=True)
class Suspects:
    """What earlier rounds found out, for as long as the process lives."""

    parked: set[Aggregate] = field(default_factory=set)
    # Events of a batch that was refused travel alone, to find the one; with how often they were refused alone.
    alone: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Plan(Generic[RecordT]):
    """The batches of each partition, to be sent in order, and the rows that make no record, with the reason."""

    batches: dict[Partition, list[list[RecordT]]] = field(default_factory=dict)
    unsendable: dict[int, UnsendableError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many of a partition's batches were acknowledged, and why the next one was not."""

    acknowledged: int
    fault: Fault | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class Settlement(Generic[RecordT]):
    """What a round came to: what may be deleted, what is parked now (with the reason), and the error to act on."""

    published: list[RecordT] = field(default_factory=list)
    parked: dict[int, BaseException] = field(default_factory=dict)
    fault: Fault | None = None
    error: BaseException | None = None


def plan(rows: Iterable[RowT], encode: Callable[[RowT], RecordT], suspects: Suspects) -> Plan[RecordT]:
    """Group `rows`, which are in the order of their ids, by partition and then into batches.

    `encode` raises UnsendableError: then the aggregate is parked here and now, and its later rows are left out.
    """
    result: Plan[RecordT] = Plan()
    sizes: dict[Partition, int] = {}
    for row in rows:
        if row.aggregate in suspects.parked:
            continue
        try:
            record = encode(row)
        except UnsendableError as error:
            suspects.parked.add(row.aggregate)
            result.unsendable[row.id] = error
            continue
        batches = result.batches.setdefault(record.partition, [])
        fits = sizes.get(record.partition, BATCH_BYTES) + record.size <= BATCH_BYTES
        alone = row.id in suspects.alone
        if not fits or alone:
            batches.append([])
            sizes[record.partition] = 0
        batches[-1].append(record)
        sizes[record.partition] += BATCH_BYTES if alone else record.size
    return result


def settle(planned: Plan[RecordT], deliveries: Mapping[Partition, Delivery], suspects: Suspects) -> Settlement[RecordT]:
    """Draw the conclusions from what became of each partition; keeps in `suspects` what the next rounds must know."""
    result: Settlement[RecordT] = Settlement(parked=dict(planned.unsendable))
    for partition, delivery in deliveries.items():
        batches = planned.batches[partition]
        for batch in batches[: delivery.acknowledged]:
            result.published += batch
        if delivery.fault is None:
            continue
        if result.fault is None or delivery.fault.value < result.fault.value:
            result.fault, result.error = delivery.fault, delivery.error
        if delivery.fault is not Fault.PASSING and delivery.error is not None:
            _suspect(batches[delivery.acknowledged], delivery.fault, delivery.error, suspects, result)
    for record in result.published:
        suspects.alone.pop(record.row_id, None)
    return result


def _suspect(
    batch: Collection[RecordT],
    fault: Fault,
    error: BaseException,
    suspects: Suspects,
    result: Settlement[RecordT],
) -> None:
    for record in batch:
        refusals = suspects.alone.get(record.row_id, 0) + (len(batch) == 1)
        if len(batch) == 1 and (fault is Fault.REFUSED or refusals >= DOUBTFUL_REFUSALS):
            suspects.parked.add(record.aggregate)
            suspects.alone.pop(record.row_id, None)
            result.parked[record.row_id] = error
        else:
            suspects.alone[record.row_id] = refusals
