"""What may be committed while events finish in any order."""

import pytest
from tandem_worker.consumer.offsets import Offsets


def taken(*offsets: int) -> Offsets:
    tracked = Offsets()
    for offset in offsets:
        assert tracked.take(offset)
    return tracked


@pytest.mark.parametrize(
    ("finished", "to_commit", "in_hand"),
    [
        ((), None, 4),
        ((5,), 6, 3),
        ((6, 7), None, 4),
        ((6, 7, 5), 8, 1),
        ((5, 6, 7, 9), 10, 0),  # Kafka has gaps, such as transactions' markers
        ((9, 7, 6), None, 4),
    ],
)
def test_an_unfinished_event_keeps_back_the_commit_of_all_behind_it(
    finished: tuple[int, ...], to_commit: int | None, in_hand: int
) -> None:
    offsets = taken(5, 6, 7, 9)

    for offset in finished:
        offsets.finish(offset)

    assert offsets.to_commit() == to_commit
    assert len(offsets) == in_hand


def test_what_is_committed_is_not_committed_again() -> None:
    offsets = taken(1, 2)
    offsets.finish(1)
    offsets.committed(2)
    assert offsets.to_commit() is None

    offsets.finish(2)

    assert offsets.to_commit() == 3


def test_the_oldest_is_the_first_that_is_not_finished() -> None:
    offsets = Offsets()
    assert offsets.oldest() is None
    for offset, stated in ((5, 100.0), (6, 101.0)):
        offsets.take(offset, stated)

    offsets.finish(6)
    assert (offsets.oldest(), offsets.behind(9)) == (100.0, 4)

    offsets.finish(5)
    assert (offsets.oldest(), offsets.behind(9)) == (None, 2)


def test_a_record_in_hand_is_not_taken_twice() -> None:
    offsets = taken(3, 4)

    assert not offsets.take(4)
    assert not offsets.take(3)
    assert len(offsets) == 2
