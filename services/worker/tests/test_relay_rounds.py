"""A round's pure steps, without a broker."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from aiokafka.partitioner import DefaultPartitioner
from tandem_worker.relay.records import partition_of
from tandem_worker.relay.rounds import (
    BATCH_BYTES,
    DOUBTFUL_REFUSALS,
    Aggregate,
    Delivery,
    Fault,
    Partition,
    Plan,
    Suspects,
    UnsendableError,
    plan,
    settle,
)

ERROR = OSError("the broker says no")


@dataclass(frozen=True)
class FakeRow:
    """A row that is its own record."""

    id: int
    aggregate: Aggregate
    partition: Partition = ("orders", 0)
    size: int = 100

    @property
    def row_id(self) -> int:
        return self.id


def order(number: int) -> Aggregate:
    return "order", UUID(int=number)


def same(row: FakeRow) -> FakeRow:
    return row


def refusing(*ids: int) -> Callable[[FakeRow], FakeRow]:
    def encode(row: FakeRow) -> FakeRow:
        if row.id in ids:
            raise UnsendableError("too large")
        return row

    return encode


def ids(planned: Plan[FakeRow], partition: Partition = ("orders", 0)) -> list[list[int]]:
    return [[record.row_id for record in batch] for batch in planned.batches[partition]]


def test_events_of_a_partition_share_batches_in_the_order_of_their_ids() -> None:
    rows = [FakeRow(1, order(1)), FakeRow(2, order(2), ("orders", 1)), FakeRow(3, order(3)), FakeRow(4, order(1))]

    planned = plan(rows, same, Suspects())

    assert ids(planned) == [[1, 3, 4]]
    assert ids(planned, ("orders", 1)) == [[2]]


def test_a_batch_is_bounded_in_bytes_and_a_larger_event_travels_alone() -> None:
    half = BATCH_BYTES // 2
    rows = [FakeRow(number, order(1), size=size) for number, size in enumerate([half, half, half, 3 * half, half], 1)]

    assert ids(plan(rows, same, Suspects())) == [[1, 2], [3], [4], [5]]


def test_a_row_that_makes_no_record_parks_its_aggregate_from_there_on() -> None:
    suspects = Suspects()
    rows = [FakeRow(1, order(1)), FakeRow(2, order(1)), FakeRow(3, order(1)), FakeRow(4, order(2))]

    planned = plan(rows, refusing(2), suspects)
    settled = settle(planned, {("orders", 0): Delivery(1)}, suspects)

    assert ids(planned) == [[1, 4]]
    assert suspects.parked == {order(1)}
    assert list(settled.parked) == [2]
    assert settled.error is None, "no reason for a new producer"
    assert plan(rows[2:], same, suspects).batches.keys() == {("orders", 0)}
    assert ids(plan(rows[2:], same, suspects)) == [[4]]


def test_only_batches_that_were_acknowledged_are_published() -> None:
    suspects = Suspects()
    rows = [FakeRow(number, order(number), size=BATCH_BYTES) for number in (1, 2, 3)]
    rows.append(FakeRow(4, order(4), ("orders", 1)))
    planned = plan(rows, same, suspects)

    settled = settle(planned, {("orders", 0): Delivery(1, Fault.PASSING, ERROR), ("orders", 1): Delivery(1)}, suspects)

    assert [record.row_id for record in settled.published] == [1, 4]
    assert (settled.fault, settled.error) == (Fault.PASSING, ERROR)
    assert suspects == Suspects(), "a passing fault says nothing about the events"


def test_of_a_refused_batch_each_event_is_sent_alone_and_the_one_is_parked() -> None:
    suspects = Suspects()
    rows = [FakeRow(1, order(1)), FakeRow(2, order(2)), FakeRow(3, order(3)), FakeRow(4, order(2))]
    settle(plan(rows, same, suspects), {("orders", 0): Delivery(0, Fault.REFUSED, ERROR)}, suspects)
    assert not suspects.parked

    planned = plan([*rows, FakeRow(5, order(5)), FakeRow(6, order(5))], same, suspects)
    assert ids(planned) == [[1], [2], [3], [4], [5, 6]]
    settled = settle(planned, {("orders", 0): Delivery(1, Fault.REFUSED, ERROR)}, suspects)

    assert [record.row_id for record in settled.published] == [1]
    assert suspects.parked == {order(2)}
    assert settled.parked == {2: ERROR}
    planned = plan([*rows[1:], FakeRow(5, order(5))], same, suspects)
    assert ids(planned) == [[3], [5]]
    settle(planned, {("orders", 0): Delivery(2)}, suspects)
    assert suspects.alone == {4: 0}, "what stays is of the parked aggregate"


def test_an_event_refused_for_no_clear_reason_is_tried_some_times_before_it_is_parked() -> None:
    suspects = Suspects()
    rows = [FakeRow(1, order(1)), FakeRow(2, order(2))]
    doubt = {("orders", 0): Delivery(0, Fault.DOUBTFUL, ERROR)}
    settle(plan(rows, same, suspects), doubt, suspects)

    for _ in range(DOUBTFUL_REFUSALS - 1):
        settle(plan(rows, same, suspects), doubt, suspects)
        assert not suspects.parked
    settle(plan(rows, same, suspects), doubt, suspects)

    assert suspects.parked == {order(1)}


@pytest.mark.parametrize("worse", [Fault.DOUBTFUL, Fault.REFUSED])
def test_a_passing_fault_decides_how_to_go_on(worse: Fault) -> None:
    suspects = Suspects()
    rows = [FakeRow(1, order(1)), FakeRow(2, order(2), ("orders", 1))]
    away = OSError("away")

    settled = settle(
        plan(rows, same, suspects),
        {("orders", 0): Delivery(0, worse, ERROR), ("orders", 1): Delivery(0, Fault.PASSING, away)},
        suspects,
    )

    assert (settled.fault, settled.error) == (Fault.PASSING, away)


def test_keys_go_where_every_client_s_default_partitioner_puts_them() -> None:
    keys = [str(UUID(int=number * 7919)).encode() for number in range(200)]

    assert [partition_of(key, 12) for key in keys] == [DefaultPartitioner()(key, list(range(12)), []) for key in keys]
