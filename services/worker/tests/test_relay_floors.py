"""Where a lane reads on."""

from dataclasses import dataclass
from uuid import UUID

from tandem_worker.relay.floors import SETTLING_SECONDS, Floor, overtaking
from tandem_worker.relay.rounds import Aggregate


@dataclass(frozen=True)
class FakeRow:
    id: int
    aggregate: Aggregate
    former_id: int | None


ONE: Aggregate = ("order", UUID(int=1))
OTHER: Aggregate = ("order", UUID(int=2))


def test_a_backlog_is_read_through_without_going_back() -> None:
    floor = Floor()
    for last in (100, 200, 300):
        floor.advance(0.0, last, to_the_end=False)
        assert floor.behind == last
    assert floor.value == 0


def test_at_the_end_it_goes_back_to_what_it_had_seen_a_moment_ago() -> None:
    floor = Floor()
    floor.advance(0.0, 100, to_the_end=False)
    floor.advance(0.5, 150, to_the_end=True)
    assert (floor.behind, floor.value) == (0, 0)

    floor.advance(SETTLING_SECONDS, 200, to_the_end=True)
    assert (floor.behind, floor.value) == (100, 100)
    floor.advance(5 * SETTLING_SECONDS, None, to_the_end=True)
    assert (floor.behind, floor.value) == (200, 200)


def test_the_floor_never_sinks() -> None:
    floor = Floor()
    floor.advance(0.0, 100, to_the_end=True)
    floor.advance(2.0, None, to_the_end=True)
    floor.advance(3.0, 100, to_the_end=True)
    floor.advance(9.0, None, to_the_end=True)
    assert (floor.behind, floor.value) == (100, 100)


def test_an_event_overtakes_when_the_one_before_waits_elsewhere() -> None:
    assert overtaking([FakeRow(11, ONE, None), FakeRow(12, ONE, 11), FakeRow(13, OTHER, 3)]) == {OTHER}
    assert overtaking([FakeRow(11, ONE, None), FakeRow(12, OTHER, None)]) == set()
