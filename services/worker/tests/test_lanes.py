"""Who is next: order within an aggregate, none across, and transactions shared where that is allowed."""

from dataclasses import dataclass

from tandem_worker.consumer.lanes import Lanes


@dataclass(frozen=True)
class Letter:
    """`lane` and a number; capitals may share."""

    lane: str
    number: int
    partition: int = 0


def lanes(*letters: Letter) -> Lanes[Letter]:
    waiting: Lanes[Letter] = Lanes(lambda letter: letter.lane.isupper())
    for letter in letters:
        waiting.put(letter)
    return waiting


def test_an_aggregate_is_worked_on_once_at_a_time_and_in_order() -> None:
    waiting = lanes(Letter("a", 1), Letter("a", 2), Letter("b", 1))

    assert waiting.take(10) == [Letter("a", 1)]
    assert waiting.take(10) == [Letter("b", 1)]
    assert waiting.take(10) == []
    waiting.finish("a")
    assert waiting.take(10) == [Letter("a", 2)]


def test_what_arrives_while_its_aggregate_is_out_waits() -> None:
    waiting = lanes(Letter("a", 1))
    waiting.take(1)
    waiting.put(Letter("a", 2))
    assert not waiting.ready

    waiting.finish("a")

    assert waiting.ready
    assert waiting.take(1) == [Letter("a", 2)]


def test_those_that_may_share_are_taken_together_up_to_the_limit() -> None:
    waiting = lanes(Letter("A", 1), Letter("B", 1), Letter("A", 2), Letter("C", 1), Letter("B", 2))

    assert waiting.take(4) == [Letter("A", 1), Letter("A", 2), Letter("B", 1), Letter("B", 2)]
    assert waiting.take(4) == [Letter("C", 1)]


def test_one_that_must_be_alone_ends_its_lane_s_share() -> None:
    waiting: Lanes[Letter] = Lanes(lambda letter: letter.number != 2)
    for number in (1, 2, 3):
        waiting.put(Letter("a", number))

    taken = []
    while waiting.ready:
        taken.append([letter.number for letter in waiting.take(10)])
        waiting.finish("a")

    assert taken == [[1], [2], [3]]


def test_neither_kind_starves_the_other() -> None:
    waiting = lanes(Letter("A", 1), Letter("b", 1), Letter("c", 1), Letter("D", 1))

    taken = [waiting.take(1) for _ in range(4)]

    assert taken == [[Letter("b", 1)], [Letter("A", 1)], [Letter("c", 1)], [Letter("D", 1)]]


def test_a_forgotten_partition_leaves_nothing_and_takes_nothing_of_others() -> None:
    waiting = lanes(
        Letter("a", 1, partition=1), Letter("a", 2, partition=1), Letter("B", 1), Letter("C", 1, partition=1)
    )
    assert waiting.take(1) == [Letter("a", 1, partition=1)]

    waiting.forget(1)
    waiting.finish("a")

    assert waiting.take(9) == [Letter("B", 1)]
    assert waiting.take(9) == []
