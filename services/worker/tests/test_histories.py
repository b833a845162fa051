"""Thousands of histories of faults through the backbone's decisions: nothing lost, nothing twice, all in order."""

from collections import defaultdict
from collections.abc import Mapping

import pytest
from histories import PARTITIONS, Fact, Member, Tables
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from outbox_histories import LONG_ENOUGH, Answers, Outbox, RelayProcess, Row
from tandem_worker.consumer.offsets import Offsets
from tandem_worker.consumer.positions import Standing
from tandem_worker.relay.floors import Floor
from tandem_worker.relay.rounds import Delivery, Partition, Plan, Settlement, Suspects, settle

AGGREGATES = 4
KINDS = st.sampled_from(["alone", "set"])
MEMBERS = st.integers(0, 1)
PARTITION = st.integers(0, PARTITIONS - 1)
SOME = st.integers(1, 6)


class Backbone(RuleBasedStateMachine):
    """Producers, a relay and two consumers, each of which may fail between any two steps."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.outbox = Outbox()
        self.relay = RelayProcess()
        self.log: dict[int, list[Fact]] = {partition: [] for partition in range(PARTITIONS)}
        self.committed = dict.fromkeys(range(PARTITIONS), 0)
        self.tables = Tables()
        self.poison: set[Fact] = set()
        self.members = [Member(), Member()]
        self.sleepers: list[Member] = []
        for partition in range(PARTITIONS):
            self.members[partition % 2].assign(partition, 0)

    @rule(first=st.integers(0, AGGREGATES - 1), count=SOME, kind=KINDS, poison=st.integers(0, 19), late=st.booleans())
    def state_facts(self, first: int, count: int, kind: str, poison: int, late: bool) -> None:
        """A transaction with a fact each of so many aggregates; it may commit later than others that began after it."""
        facts = self.outbox.begin([number % AGGREGATES for number in range(first, first + count)], kind)
        if poison == 0:
            self.poison |= set(facts)
        if not late:
            self.outbox.commit(-1)

    @rule(which=SOME, rolled_back=st.booleans())
    def end_a_late_transaction(self, which: int, rolled_back: bool) -> None:
        if rolled_back:
            self.poison -= set(self.outbox.roll_back(which))
        else:
            self.outbox.commit(which)

    @rule(
        limit=st.integers(1, 30),
        batches=st.sampled_from([1000, 1000, 1000, 0, 1, 2]),
        lost=st.booleans(),
        dies=st.integers(0, 7),
        seconds=st.sampled_from([0.0, LONG_ENOUGH]),
        sweeps=st.booleans(),
    )
    def publish(self, limit: int, batches: int, lost: bool, dies: int, seconds: float, sweeps: bool) -> None:
        """A round of the relay, with a broker that may fall silent after some batches; or the relay may die."""
        if sweeps:
            self.relay.sweep(self.outbox)
        answers = Answers(batches, lost=lost, dies=dies == 1)
        if not self.relay.publish(self.outbox, self.log, answers, now=self.now, limit=limit):
            self.relay = RelayProcess()
        self.now += seconds

    @rule(partition=PARTITION)
    def deliver_a_whole_partition_again(self, partition: int) -> None:
        if len(self.log[partition]) < 20:
            self.log[partition] += self.log[partition]

    @rule(member=MEMBERS, fetched=SOME, begun=SOME, finished=st.lists(SOME, max_size=4), offsets_too=st.booleans())
    def consume(self, member: int, fetched: int, begun: int, finished: list[int], offsets_too: bool) -> None:
        """A turn: take records, begin transactions, see some of them commit in any order, commit offsets."""
        busy = self.members[member]
        busy.fetch(self.log, fetched)
        for _ in range(begun):
            busy.begin()
        for which in finished:
            if busy.out:
                busy.finish(which % len(busy.out), self.tables, self.poison)
        if offsets_too:
            busy.commit(self.committed)

    @rule(member=MEMBERS, which=SOME)
    def roll_a_transaction_back(self, member: int, which: int) -> None:
        if out := self.members[member].out:
            self.members[member].roll_back(which % len(out))

    @rule(partition=PARTITION, to=MEMBERS)
    def rebalance(self, partition: int, to: int) -> None:
        (owner,) = [member for member in self.members if partition in member.next]
        owner.revoke(partition, self.committed, self.tables, self.poison)
        self.members[to].assign(partition, self.committed[partition])

    @rule(member=MEMBERS, sleeps=st.booleans())
    def replace(self, member: int, sleeps: bool) -> None:
        """A process is killed, or stopped past its session: another begins where it had committed.

        One that only sleeps does not know, and will go on with what it has in hand.
        """
        if sleeps:
            self.sleepers.append(self.members[member])
        partitions = list(self.members[member].next)
        self.members[member] = Member()
        for partition in partitions:
            self.members[member].assign(partition, self.committed[partition])

    @rule(which=SOME)
    def wake_up_and_commit(self, which: int) -> None:
        """The transactions of one that was stopped still reach the database; the broker refuses its offsets."""
        sleepers = [sleeper for sleeper in self.sleepers if sleeper.out]
        if sleepers:
            sleepers[which % len(sleepers)].finish(0, self.tables, self.poison)

    @invariant()
    def no_event_is_in_the_log_before_an_earlier_one(self) -> None:
        for facts in self.log.values():
            last: dict[int, int] = defaultdict(int)
            for fact in facts:
                assert fact.version <= last[fact.aggregate] + 1, f"{fact} came after version {last[fact.aggregate]}"
                last[fact.aggregate] = max(last[fact.aggregate], fact.version)

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
        while self.outbox.open:
            self.outbox.commit(0)
        for _ in range(5):
            self.now += LONG_ENOUGH
            self.relay.sweep(self.outbox)
            assert self.relay.publish(self.outbox, self.log, Answers(), now=self.now, limit=1000)
        assert not self.outbox.rows
        for member in self.members:
            member.fetch(self.log, 10_000)
            while member.lanes.ready or member.out:
                member.begin()
                member.finish(0, self.tables, self.poison)
            member.commit(self.committed)
        for aggregate, version in self.outbox.versions.items():
            first_poison = min((fact.version for fact in self.poison if fact.aggregate == aggregate), default=None)
            applied = version if first_poison is None else first_poison - 1
            assert self.tables.effects[aggregate] == list(range(1, applied + 1))
            assert sorted(self.tables.letters[aggregate]) == list(range(applied + 1, version + 1))
        assert self.committed == {partition: len(facts) for partition, facts in self.log.items()}
        self.effects_are_in_order_without_gap_or_repetition()


HISTORIES = settings(max_examples=200, stateful_step_count=40, database=None)


def test_nothing_is_lost_and_nothing_happens_twice() -> None:
    run_state_machine_as_test(Backbone, settings=HISTORIES)


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


class LastIdCursor(Floor):
    """Reads behind the last id it has seen, and never looks back."""

    def advance(self, now: float, last: int | None, *, to_the_end: bool) -> None:
        self.behind = max(self.behind, last or 0)


def settle_before_it_is_acknowledged(
    planned: Plan[Row], deliveries: Mapping[Partition, Delivery], suspects: Suspects
) -> Settlement[Row]:
    everything = {partition: Delivery(len(batches)) for partition, batches in planned.batches.items()}
    return settle(planned, everything, suspects)


a_lane_for_each_event = property(lambda delivered: (delivered.fact.aggregate, delivered.offset))


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("histories.standing", nothing_is_a_duplicate),
        ("histories.Offsets", LastFinished),
        ("histories.Offsets", CommitsFirst),
        ("histories.Delivered.lane", a_lane_for_each_event),
        ("outbox_histories.Floor", LastIdCursor),
        ("outbox_histories.settle", settle_before_it_is_acknowledged),
    ],
)
def test_a_defect_in_a_decision_does_not_survive(monkeypatch: pytest.MonkeyPatch, name: str, mutant: object) -> None:
    monkeypatch.setattr(name, mutant)

    found_once = settings(HISTORIES, max_examples=2000, phases=[Phase.generate])
    with pytest.raises((AssertionError, FlakyFailure, BaseExceptionGroup)):
        run_state_machine_as_test(Backbone, settings=found_once)
