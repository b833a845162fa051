"""The schedule of faults: the seed's, and nothing else's."""

from itertools import islice

from hypothesis import given, strategies

from chaos.faults import ACTS
from chaos.mutants import MUTANTS
from chaos.plan import KINDS, LINKS, SERVICES, faults, plan

SEEDS = strategies.integers(0, 2**31)


@given(SEEDS)
def test_a_seed_always_means_the_same_faults(seed: int) -> None:
    assert list(islice(faults(seed), 80)) == list(islice(faults(seed), 80))


@given(SEEDS)
def test_a_longer_run_begins_as_a_shorter_one(seed: int) -> None:
    short, long = plan(seed, 60), plan(seed, 300)

    assert long[: len(short)] == short
    assert all(fault.start < 300 for fault in long)


@given(SEEDS)
def test_nothing_suffers_two_faults_at_once(seed: int) -> None:
    ends: dict[str, float] = {}
    for fault in plan(seed, 600):
        assert ends.get(fault.target, 0) <= fault.start
        ends[fault.target] = fault.end


def test_every_kind_of_fault_on_every_target_comes_up() -> None:
    drawn = {(fault.kind, fault.target) for seed in range(40) for fault in plan(seed, 1200)}

    assert drawn == {(kind.name, target) for kind in KINDS for target in kind.targets}


def test_every_kind_is_known_to_those_who_carry_it_out() -> None:
    for_mutants = {burst.kind for mutant in MUTANTS for burst in mutant.bursts}
    assert {kind.name for kind in KINDS} | for_mutants == ACTS.keys()
    assert {target for kind in KINDS for target in kind.targets} > {*SERVICES, *LINKS}
