"""What a long run complains about, and what it takes for granted."""

import pytest

from chaos.conductor import Injected
from chaos.example import sound_world
from chaos.load.readers import Look
from chaos.plan import Fault
from chaos.run import Result
from chaos.soak import Watch, complaints, restarts

MIB = 2**20
AWAY = Injected(Fault(0, "stop", "postgres", 0, 10, 0.5), began=1000, healed=1010)
LOOK = Look("order", at=500, seconds=0.1, status=200)


def result(**ends: dict[str, int]) -> Result:
    return Result(sound_world().evidence(), [AWAY], [], 2000.0, 0, ends, "")


def watch(*looks: Look, sizes: tuple[int, ...] = (50, 60, 60, 60)) -> Watch:
    samples = [(float(number), sizes[number * len(sizes) // 40] * MIB) for number in range(40)]
    return Watch(1.0, 1, [LOOK, *looks], {"api": samples})


def test_a_sound_run_and_what_an_absent_database_excuses() -> None:
    refused = Look("order", at=1005, seconds=9, status=503)
    assert complaints(watch(refused), result()) == []


@pytest.mark.parametrize(
    "look",
    [
        Look("order", 500, 0.1, 503),
        Look("order", 1100, 0.1, 503),
        Look("product", 1005, 0.1, 503),
        Look("order", 1005, 0.1, 500),
        Look("order", 1005, 0.1, 404),
        Look("order", 1005, 12, 503),
        Look("order", 1005, 12, None),
        Look("order", 500, 0.1, 200, "another customer's"),
    ],
)
def test_answers_that_nothing_excuses(look: Look) -> None:
    assert complaints(watch(look), result())


def test_memory_that_goes_on_growing() -> None:
    (found,) = complaints(watch(sizes=(50, 60, 65, 75)), result())
    assert found == "api grew from 60.0 to 75.0 MiB"


def test_a_service_that_ended() -> None:
    assert complaints(watch(), result(api={"status 1": 1})) == ["api ended: {'status 1': 1}"]


def test_the_restarts_leave_the_first_half_and_the_last_quarter_alone() -> None:
    plan = restarts(1800)
    assert {fault.target for fault in plan} == {"postgres", "kafka"}
    assert all(fault.start >= 900 and fault.end <= 1350 for fault in plan)
