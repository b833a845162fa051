"""Thousands of histories of faults through the backbone's decisions: nothing lost, nothing twice, all in order."""

from collections import defaultdict

import pytest
from histories import PARTITIONS, Fact, Member, Tables
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tandem_worker.consumer.offsets import Offsets
from tandem_worker.consumer.positions import Standing

AGGREGATES = 6
KINDS = st.sampled_from(["alone", "set"])
MEMBERS = st.integers(0, 1)
PARTITION = st.integers(0, PARTITIONS - 1)
SOME = st.integers(1, 6)


class Backbone(RuleBasedStateMachine):
    """Producers, a relay and two consumers, each of which may fail between any two steps."""

    @initialize()
    def begin(self) -> None:
        self.versions: dict[int, int] = defaultdict(int)
        self.outbox: list[Fact] = []
        self.log: dict[int, list[Fact]] = {partition: [] for partition in range(PARTITIONS)}
        self.committed = dict.fromkeys(range(PARTITIONS), 0)
        self.tables = Tables()
        self.poison: set[Fact] = set()
        self.members = [Member(), Member()]
        self.sleepers: list[Member] = []
        for partition in range(PARTITIONS):
            self.members[partition % 2].assign(partition, 0)

    @rule(first=st.integers(0, AGGREGATES - 1), count=SOME, kind=KINDS, poison=st.integers(0, 9))
    def state_facts(self, first: int, count: int, kind: str, poison: int) -> None:
        """A fact each of so many aggregates."""
        for number in range(first, first + count):
            aggregate = number % AGGREGATES
            self.versions[aggregate] += 1
            fact = Fact(aggregate, self.versions[aggregate], kind)
            self.outbox.append(fact)
            if poison == 0:
                self.poison.add(fact)

    @rule(acknowledged=st.integers(1, 20), deleted=st.booleans())
    def relay(self, acknowledged: int, deleted: bool) -> None:
        """Publish; the process may die before it deletes what the broker has."""
        published, rest = self.outbox[:acknowledged], self.outbox[acknowledged:]
        for fact in published:
            self.log[fact.partition].append(fact)
        if deleted:
            self.outbox = rest

    @rule(partition=PARTITION)
    def deliver_a_whole_partition_again(self, partition: int) -> None:
        if len(self.log[partition]) < 20:
            self.log[partition] += self.log[partition]

    @rule(member=MEMBERS, count=SOME)
    def fetch(self, member: int, count: int) -> None:
        self.members[member].fetch(self.log, count)

    @rule(member=MEMBERS, count=SOME)
    def start_transactions(self, member: int, count: int) -> None:
        for _ in range(count):
            self.members[member].begin()

    @rule(member=MEMBERS, which=SOME, offsets_too=st.booleans())
    def commit_a_transaction(self, member: int, which: int, offsets_too: bool) -> None:
        if out := self.members[member].out:
            self.members[member].finish(which % len(out), self.tables, self.poison)
            if offsets_too:
                self.members[member].commit(self.committed)

    @rule(member=MEMBERS, which=SOME)
    def roll_a_transaction_back(self, member: int, which: int) -> None:
        if out := self.members[member].out:
            self.members[member].roll_back(which % len(out))

    @rule(member=MEMBERS)
    def kill(self, member: int) -> None:
        """Another process begins where the killed one had committed."""
        partitions = list(self.members[member].next)
        self.members[member] = Member()
        for partition in partitions:
            self.members[member].assign(partition, self.committed[partition])

    @rule(partition=PARTITION, to=MEMBERS)
    def rebalance(self, partition: int, to: int) -> None:
        (owner,) = [member for member in self.members if partition in member.next]
        owner.revoke(partition, self.committed, self.tables, self.poison)
        self.members[to].assign(partition, self.committed[partition])

    @rule(member=MEMBERS)
    def stop_past_the_session_time_out(self, member: int) -> None:
        """The group gives the partitions away; the stopped process does not know, and will go on with what it has."""
        self.sleepers.append(self.members[member])
        self.kill(member)

    @rule(which=SOME)
    def wake_up_and_commit(self, which: int) -> None:
        """The transactions of one that was stopped still reach the database; the broker refuses its offsets."""
        sleepers = [sleeper for sleeper in self.sleepers if sleeper.out]
        if sleepers:
            sleepers[which % len(sleepers)].finish(0, self.tables, self.poison)

    @invariant()
    def effects_are_in_order_without_gap_or_repetition(self) -> None:
        for aggregate, versions in self.tables.effects.items():
            assert versions == list(range(1, len(versions) + 1)), f"aggregate {aggregate}"

    @invariant()
    def nothing_is_committed_that_the_database_does_not_have(self) -> None:
        for partition, offset in self.committed.items():
            for fact in self.log[partition][:offset]:
                done = fact.version <= self.tables.positions.get(fact.aggregate, 0)
                assert done or fact.version in self.tables.letters[fact.aggregate], f"{fact} is lost"

    def teardown(self) -> None:
        """All is well again: what was stated has its effect, or waits in order behind what cannot have one."""
        if not hasattr(self, "members"):
            return
        self.relay(len(self.outbox), deleted=True)
        for member in self.members:
            member.fetch(self.log, 10_000)
            while member.lanes.ready or member.out:
                member.begin()
                member.finish(0, self.tables, self.poison)
            member.commit(self.committed)
        for aggregate, version in self.versions.items():
            first_poison = min((fact.version for fact in self.poison if fact.aggregate == aggregate), default=None)
            applied = version if first_poison is None else first_poison - 1
            assert self.tables.effects[aggregate] == list(range(1, applied + 1))
            assert sorted(self.tables.letters[aggregate]) == list(range(applied + 1, version + 1))
        assert self.committed == {partition: len(facts) for partition, facts in self.log.items()}
        self.effects_are_in_order_without_gap_or_repetition()


UNHURRIED = settings(
    max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def test_nothing_is_lost_and_nothing_happens_twice() -> None:
    run_state_machine_as_test(Backbone, settings=UNHURRIED)


def nothing_is_a_duplicate(version: int, *, position: int, waiting: bool) -> Standing:
    return "behind" if waiting else "due"


class LastFinished(Offsets):
    """Commits behind the last event that finished, whatever is unfinished before it."""

    def finish(self, offset: int) -> None:
        super().finish(offset)
        self._next = max(self._next or 0, offset + 1)


class CommitsFirst(Offsets):
    """Commits what was taken, before the database has it."""

    def take(self, offset: int) -> bool:
        self._next = offset + 1
        return super().take(offset)


a_lane_for_each_event = property(lambda delivered: (delivered.fact.aggregate, delivered.offset))


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("standing", nothing_is_a_duplicate),
        ("Offsets", LastFinished),
        ("Offsets", CommitsFirst),
        ("Delivered.lane", a_lane_for_each_event),
    ],
)
def test_a_defect_in_a_decision_does_not_survive(monkeypatch: pytest.MonkeyPatch, name: str, mutant: object) -> None:
    monkeypatch.setattr(f"histories.{name}", mutant)

    found_once = settings(UNHURRIED, max_examples=2000, phases=[Phase.generate], derandomize=True)
    with pytest.raises((AssertionError, FlakyFailure, BaseExceptionGroup)):
        run_state_machine_as_test(Backbone, settings=found_once)
