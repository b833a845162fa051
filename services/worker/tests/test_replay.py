"""What becomes of dead letters: in order, once, whoever else is at work."""

import asyncio
from uuid import UUID, uuid4

import prometheus_client
import pytest
from letters import Bench, event, malformed_record
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from store import Store
from tandem_contracts.envelope import Event
from tandem_worker.consumer.dead_letters import as_event
from tandem_worker.consumer.handlers import PoisonError, RetryableError
from tandem_worker.dead_letters.main import measure, settle_dead_letters, settle_once
from tandem_worker.dead_letters.replay import Progress, Replay

ORDER = uuid4()


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


async def die(bench: Bench, *versions: int, poisoned: tuple[int, ...] = (1,)) -> None:
    """Deliver the versions to a bad release, then mend it."""
    bench.poison(*poisoned)
    await bench.deliver(*(event(ORDER, version) for version in versions))
    bench.failures = {}


async def test_a_replayed_letter_is_applied_and_what_queued_behind_it_follows_in_order(bench: Bench) -> None:
    await die(bench, 1, 3, 2, 4)
    assert bench.letters() == [(1, "dead", "poison", 1), *((n, "queued", "behind", 0) for n in (2, 3, 4))]

    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.effects(ORDER) == [1, 2, 3, 4]
    assert bench.position(ORDER) == 4
    assert bench.letters() == [(1, "replayed", "poison", 2), *((n, "replayed", "behind", 1) for n in (2, 3, 4))]
    assert bench.decisions() == [(1, "replay", "done", "")]
    assert await bench.deliver(event(ORDER, 5), event(ORDER, 1)) == ["applied", "duplicate"]


async def test_without_a_decision_nothing_happens(bench: Bench) -> None:
    await die(bench, 1, 2)

    await bench.settle()

    assert bench.effects(ORDER) == []
    assert bench.prepared == [1], "what waits must not reach the outside"


async def test_a_letter_that_is_still_poison_stays_and_tells_the_new_error(bench: Bench, store: Store) -> None:
    await die(bench, 1, 2)
    bench.failures = {1: PoisonError("postgresql://tandem:secret@db/tandem is wrong")}

    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.effects(ORDER) == []
    assert bench.letters() == [(1, "dead", "poison", 2), (2, "queued", "behind", 0)]
    ((_, _, outcome, detail),) = bench.decisions()
    assert outcome == "failed"
    assert detail == "PoisonError: postgresql://tandem:[redacted]@db/tandem is wrong"
    assert store._row("SELECT error FROM events_deadletter WHERE version = %s", 1) == (detail,)


async def test_a_discarded_letter_is_passed_over(bench: Bench) -> None:
    await die(bench, 1, 2)

    bench.decide("discard", ORDER, 1)
    await bench.settle()

    assert bench.effects(ORDER) == [2]
    assert bench.letters() == [(1, "discarded", "poison", 1), (2, "replayed", "behind", 1)]
    assert await bench.deliver(event(ORDER, 1)) == ["duplicate"]


async def test_a_decision_waits_until_it_is_its_letters_turn(bench: Bench) -> None:
    await die(bench, 1, 2, 3)

    bench.decide("discard", ORDER, 2)
    await bench.settle()
    assert bench.decisions() == [(2, "discard", "pending", "")]
    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.effects(ORDER) == [1, 3]
    assert [outcome for _, _, outcome, _ in bench.decisions()] == ["done", "done"]


async def test_all_of_an_aggregate_may_be_given_up_at_once(bench: Bench) -> None:
    await die(bench, 1, 2, 3)

    bench.decide("discard", ORDER, 3, 1, 2)
    await bench.settle()

    assert bench.effects(ORDER) == []
    assert {letter.state for letter in bench.letters()} == {"discarded"}
    assert await bench.deliver(event(ORDER, 4)) == ["applied"]


async def test_a_queued_letter_that_fails_dies_and_the_rest_stays_behind_it(bench: Bench) -> None:
    await die(bench, 1, 2, 3)
    bench.poison(2)

    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.effects(ORDER) == [1]
    assert [letter[:3] for letter in bench.letters()] == [
        (1, "replayed", "poison"),
        (2, "dead", "poison"),
        (3, "queued", "behind"),
    ]


class TestAGap:
    async def test_is_filled_by_the_event_that_comes_late_and_nobody_has_to_decide(self, bench: Bench) -> None:
        assert await bench.deliver(*(event(ORDER, n) for n in (1, 3, 4, 2))) == ["applied", "dead", "queued", "queued"]

        await bench.settle()

        assert bench.effects(ORDER) == [1, 2, 3, 4]
        assert [letter[:3] for letter in bench.letters()] == [
            (2, "replayed", "behind"),
            (3, "replayed", "gap"),
            (4, "replayed", "behind"),
        ]

    async def test_is_not_replayed_over_unless_that_is_what_was_decided(self, bench: Bench) -> None:
        await bench.deliver(event(ORDER, 1), event(ORDER, 3), event(ORDER, 4))

        bench.decide("replay", ORDER, 3)
        await bench.settle()
        assert bench.decisions() == [(3, "replay", "failed", "gap: version 3 came after 1")]
        assert bench.letters()[0] == (3, "dead", "gap", 0)
        assert bench.prepared == [1]

        bench.decide("replay_despite_gap", ORDER, 3)
        await bench.settle()
        assert bench.effects(ORDER) == [1, 3, 4]
        assert await bench.deliver(event(ORDER, 2)) == ["duplicate"], "too late: its successors were applied"

    async def test_behind_a_settled_letter_makes_the_next_one_dead(self, bench: Bench) -> None:
        await die(bench, 1, 3, 4)

        bench.decide("replay", ORDER, 1)
        await bench.settle()

        assert bench.effects(ORDER) == [1]
        assert bench.letters()[1:] == [(3, "dead", "gap", 0), (4, "queued", "behind", 0)]


class TestARecordThatIsNoEvent:
    async def test_can_only_be_discarded(self, bench: Bench) -> None:
        await bench.bury_malformed(malformed_record(4))
        partition = as_event(malformed_record(4)).aggregate_id

        bench.decide("replay", partition, 5, aggregate_type="record")
        await bench.settle()
        why = "the record is no event: it can only be discarded"
        assert bench.decisions() == [(5, "replay", "failed", why)]

        bench.decide("discard", partition, 5, aggregate_type="record")
        await bench.settle()
        assert bench.letters() == [(5, "discarded", "malformed", 0)]
        assert bench.position(partition) is None, "it was no event of any aggregate"

    async def test_does_not_wait_for_another_of_its_partition(self, bench: Bench) -> None:
        for offset in (4, 7):
            await bench.bury_malformed(malformed_record(offset))

        bench.decide("discard", as_event(malformed_record(7)).aggregate_id, 8, aggregate_type="record")
        await bench.settle()

        assert [letter[:2] for letter in bench.letters()] == [(5, "dead"), (8, "discarded")]


@pytest.mark.parametrize("stage", ["failures", "prepare_failures"])
async def test_a_passing_fault_leaves_all_as_it_is_and_is_tried_again(bench: Bench, stage: str) -> None:
    await die(bench, 1, 2)
    bench.decide("replay", ORDER, 1)
    setattr(bench, stage, {1: RetryableError("the provider is away")})
    replay = Replay(bench.consumer, bench.store.worker)

    assert await settle_once(replay, asyncio.Event()) is Progress.HELD_UP
    assert bench.letters()[0] == (1, "dead", "poison", 1)
    assert bench.decisions() == [(1, "replay", "pending", "")]

    setattr(bench, stage, {})
    await bench.settle()
    assert bench.effects(ORDER) == [1, 2]


async def test_what_the_outside_refuses_for_good_is_poison(bench: Bench) -> None:
    await die(bench, 1)
    bench.prepare_failures = {1: PoisonError("no such card")}

    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.decisions() == [(1, "replay", "failed", "PoisonError: no such card")]


async def test_a_constraint_that_would_speak_at_the_commit_keeps_the_letter_dead(bench: Bench) -> None:
    async def refer_to_nothing(session: AsyncSession, _received: Event, _prepared: int) -> None:
        await session.execute(
            text(
                "INSERT INTO orders_timelineentry (order_id, version, event_type, payload)"
                " VALUES (uuidv7(), 1, 'order.placed.v1', '{}')"
            )
        )

    await die(bench, 1)
    bench.decide("replay", ORDER, 1)

    await settle_once(Replay(bench.with_apply(refer_to_nothing), bench.store.worker), asyncio.Event())

    assert bench.letters() == [(1, "dead", "poison", 2)]
    ((_, _, outcome, detail),) = bench.decisions()
    assert outcome == "failed"
    assert "orders_timelineentry" in detail


async def test_an_event_that_this_release_passes_over_is_passed_over(bench: Bench) -> None:
    await die(bench, 1)
    await bench.deliver(event(ORDER, 2, type="order.from_the_future.v9"))

    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.effects(ORDER) == [1]
    assert bench.position(ORDER) == 2


async def test_a_decision_that_came_too_late_is_closed(bench: Bench) -> None:
    await die(bench, 1)
    bench.decide("discard", ORDER, 1)
    await bench.settle()

    bench.decide("replay", ORDER, 1)
    await bench.settle()

    assert bench.decisions()[1] == (1, "replay", "failed", "the letter was settled before")
    assert bench.effects(ORDER) == []


async def test_an_order_that_died_is_carried_through_after_its_replay(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order = await store.place_order({"MUG": 2})
    store.execute("UPDATE orders_order SET state = 'shipped' WHERE id = %s", order)
    assert await store.run() == ["dead"]
    store.execute("UPDATE orders_order SET state = 'placed' WHERE id = %s", order)
    store.execute(
        "INSERT INTO events_deadletterdecision"
        " (consumer, aggregate_type, aggregate_id, version, action, why, decided_by)"
        " VALUES ('tandem-orders', 'order', %s, 1, 'replay', 'its state was wrong', 'ada@tandem.example')",
        order,
    )

    assert await settle_once(Replay(store.process, store.worker), asyncio.Event()) is Progress.MADE
    await store.run()

    assert store.state(order) == "paid"
    assert store.stock("MUG") == (3, 2)
    assert store.payments(order) == [("captured", 2500, 0)]


async def test_replicas_and_live_events_together_apply_each_event_once_and_in_order(bench: Bench) -> None:
    orders = [uuid4() for _ in range(12)]
    bench.poison(1)
    for order in orders:
        await bench.deliver(*(event(order, version) for version in (1, 2, 3)))
    bench.failures = {}
    for order in orders:
        bench.decide("replay", order, 1)

    async def live(order: UUID) -> None:
        await bench.deliver(*(event(order, version) for version in (4, 5, 3, 6)))

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(bench.settle())
        for order in orders:
            group.create_task(live(order))
    await bench.settle()

    for order in orders:
        assert bench.effects(order) == [1, 2, 3, 4, 5, 6]
        assert bench.position(order) == 6
    assert {letter.state for letter in bench.letters()} == {"replayed"}


async def test_a_replica_that_dies_half_way_leaves_the_rest_to_the_next(bench: Bench) -> None:
    await die(bench, 1, 2)
    bench.decide("replay", ORDER, 1)
    reached, never = asyncio.Event(), asyncio.Event()

    async def hang(session: AsyncSession, received: Event, prepared: int) -> None:
        await bench.apply(session, received, prepared)
        reached.set()
        await never.wait()

    hanging = bench.with_apply(hang)
    task = asyncio.create_task(settle_once(Replay(hanging, bench.store.worker), asyncio.Event()))
    await asyncio.wait_for(reached.wait(), 30)
    bench.store.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'tandem_worker' AND datname = current_database() AND state = 'idle in transaction'"
    )
    never.set()
    assert await task is Progress.HELD_UP
    assert bench.effects(ORDER) == []

    await bench.settle()
    assert bench.effects(ORDER) == [1, 2]


async def test_the_task_goes_on_after_the_database_was_away_and_ends_when_asked(bench: Bench) -> None:
    await die(bench, 1, 2)
    stop = asyncio.Event()
    task = asyncio.create_task(settle_dead_letters(bench.consumer, bench.store.worker, stop))
    for _ in range(5):
        bench.store.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'tandem_worker' AND datname = current_database()"
        )
        await asyncio.sleep(0.1)
    bench.decide("replay", ORDER, 1)

    async with asyncio.timeout(60):
        while bench.effects(ORDER) != [1, 2]:
            await asyncio.sleep(0.05)
        stop.set()
        await task


async def test_the_gauges_tell_what_waits(bench: Bench) -> None:
    await die(bench, 1, 2, 3)

    def value(name: str, **labels: str) -> float | None:
        return prometheus_client.REGISTRY.get_sample_value(name, {"consumer": "bench", **labels})

    await measure(bench.consumer, bench.store.worker)
    assert value("tandem_consumer_dead_letters", state="dead", reason="poison") == 1
    assert value("tandem_consumer_dead_letters", state="queued", reason="behind") == 2
    assert (value("tandem_consumer_oldest_dead_letter_age_seconds") or 0) > 0

    bench.decide("replay", ORDER, 1)
    await bench.settle()
    await measure(bench.consumer, bench.store.worker)
    assert value("tandem_consumer_dead_letters", state="dead", reason="poison") == 0
    assert value("tandem_consumer_dead_letters", state="queued", reason="behind") == 0
    assert value("tandem_consumer_oldest_dead_letter_age_seconds") == 0
