"""Positions and dead letters: what makes delivery at least once an effect exactly once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from store import TRANSACTIONS, Store, processor
from tandem_contracts.envelope import Event
from tandem_worker.consumer.handlers import Consumer, Handler, PoisonError, RetryableError, SetHandler
from tandem_worker.consumer.inbox import Outcome

ORDER = uuid4()


def event(version: int, *, type: str = "order.placed.v1", aggregate_id: UUID = ORDER) -> Event:  # noqa: A002
    return Event(
        id=uuid4(),
        type=type,
        source="/tandem/test",
        aggregate_type="order",
        aggregate_id=aggregate_id,
        version=version,
        time=datetime.now(UTC),
        body=b"{}",
    )


async def process(consumer: Consumer, store: Store, received: Event) -> Outcome:
    (outcome,) = await processor(consumer, store.worker).process([received])
    return outcome


class Recorder:
    """A handler whose effect is a row, so that it can be seen to come and go with the transaction."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.prepared: list[int] = []

    async def prepare(self, received: Event) -> int:
        self.prepared.append(received.version)
        return received.version

    async def apply(self, session: AsyncSession, received: Event, prepared: int) -> None:
        await session.execute(
            text(
                "INSERT INTO events_consumerposition (consumer, aggregate_type, aggregate_id, version)"
                " VALUES ('effect', 'order', uuidv7(), :version)"
            ),
            {"version": prepared},
        )
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        assert received.version == prepared

    def consumer(self) -> Consumer:
        handler = Handler(self.apply, prepare=self.prepare)
        return Consumer(name="test", topics=(), handlers={"order.placed.v1": handler})


def effects(store: Store) -> list[int]:
    with psycopg.connect(store.database.url()) as superuser:
        rows = superuser.execute(
            "SELECT version FROM events_consumerposition WHERE consumer = 'effect' ORDER BY aggregate_id"
        )
        return [row[0] for row in rows]


async def test_an_event_is_applied_once_however_often_it_comes(store: Store) -> None:
    recorder = Recorder()

    outcomes = [
        await process(recorder.consumer(), store, received)
        for received in [event(1), event(1), event(2), event(1), event(2)]
    ]

    assert outcomes == ["applied", "duplicate", "applied", "duplicate", "duplicate"]
    assert effects(store) == [1, 2]
    assert recorder.prepared == [1, 2], "a duplicate must not reach the outside"


@pytest.mark.parametrize("version", [1, 2])
async def test_of_two_members_with_the_same_event_at_once_one_applies_it(store: Store, version: int) -> None:
    recorder = Recorder()
    for former in range(1, version):
        await process(recorder.consumer(), store, event(former))

    async def apply(session: AsyncSession, received: Event, prepared: int) -> None:
        await recorder.apply(session, received, prepared)
        await asyncio.sleep(0.3)  # the other one comes to the same row meanwhile

    consumer = Consumer("test", (), {"order.placed.v1": Handler(apply, prepare=recorder.prepare)})
    members = [processor(consumer, store.worker) for _ in range(2)]
    both = event(version)

    outcomes = await asyncio.gather(*(member.process([both]) for member in members))

    assert sorted(outcomes) == [["applied"], ["duplicate"]]
    assert effects(store) == list(range(1, version + 1))


async def test_who_waits_for_an_answer_from_outside_holds_no_transaction(store: Store) -> None:
    answered = asyncio.Event()
    recorder = Recorder()

    async def prepare(received: Event) -> int:
        await answered.wait()
        return await recorder.prepare(received)

    handlers = {
        "order.reserved.v1": Handler(recorder.apply, prepare=prepare),
        "order.placed.v1": Handler(recorder.apply, prepare=recorder.prepare),
    }
    member = processor(Consumer("test", (), handlers), store.worker)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(TRANSACTIONS + 1):
            group.create_task(member.process([event(1, type="order.reserved.v1", aggregate_id=uuid4())]))
        await member.process([event(1, aggregate_id=uuid4())])
        assert effects(store) == [1], "the others still wait"
        answered.set()

    assert effects(store) == [1] * (TRANSACTIONS + 2)


async def test_a_consumer_may_begin_in_the_middle_of_a_stream(store: Store) -> None:
    outcome = await process(Recorder().consumer(), store, event(7))

    assert outcome is Outcome.APPLIED


@pytest.mark.parametrize("newer", ["order.from_the_future.v9", "order.placed.v2"])
async def test_events_without_a_handler_move_the_position_on(store: Store, newer: str) -> None:
    consumer = Recorder().consumer()

    outcomes = [await process(consumer, store, received) for received in [event(1), event(2, type=newer), event(3)]]

    assert outcomes == ["applied", "passed_over", "applied"]


async def test_a_gap_is_not_applied_over_and_holds_back_what_follows(store: Store) -> None:
    recorder = Recorder()

    outcomes = [await process(recorder.consumer(), store, event(version)) for version in (1, 3, 4, 2)]

    assert outcomes == ["applied", "dead", "queued", "queued"]
    assert effects(store) == [1]
    assert store.dead_letters() == [(2, "queued"), (3, "dead"), (4, "queued")]


async def test_poison_becomes_a_dead_letter_without_its_effect_and_later_events_queue_behind(store: Store) -> None:
    recorder = Recorder(None, PoisonError("never"))

    outcomes = [await process(recorder.consumer(), store, event(version)) for version in (1, 2, 2, 3)]

    assert outcomes == ["applied", "dead", "queued", "queued"]
    assert effects(store) == [1]
    assert store.dead_letters() == [(2, "dead"), (3, "queued")]
    assert recorder.prepared == [1, 2], "what waits behind a dead letter must not reach the outside"


async def test_poison_holds_back_its_own_aggregate_only(store: Store) -> None:
    recorder = Recorder(PoisonError("never"))

    outcomes = [
        await process(recorder.consumer(), store, received) for received in [event(1), event(1, aggregate_id=uuid4())]
    ]

    assert outcomes == ["dead", "applied"]


@pytest.mark.parametrize("failure", [RetryableError("away"), ConnectionRefusedError(), TimeoutError()])
async def test_a_passing_fault_is_waited_out_in_place(store: Store, failure: Exception) -> None:
    recorder = Recorder(failure, failure)

    outcome = await process(recorder.consumer(), store, event(1))

    assert outcome is Outcome.APPLIED
    assert effects(store) == [1]
    assert store.dead_letters() == []


class Effects:
    """Handlers whose effect is a row, some of which fail for one of the aggregates."""

    def __init__(self, *, poisoned: UUID | None = None, away: UUID | None = None) -> None:
        self.poisoned = poisoned
        self.away = [away]

    async def apply_all(self, session: AsyncSession, received: Sequence[Event]) -> None:
        await session.execute(
            text(
                "INSERT INTO events_consumerposition (consumer, aggregate_type, aggregate_id, version)"
                " VALUES ('effect', 'order', uuidv7(), :version)"
            ),
            [{"version": one.version} for one in received],
        )
        aggregates = [one.aggregate_id for one in received]
        if self.poisoned in aggregates:
            raise PoisonError("never")
        if self.away[0] in aggregates:
            self.away[0] = None
            raise RetryableError("away")

    def consumer(self) -> Consumer:
        return Consumer(name="test", topics=(), handlers={"order.placed.v1": SetHandler(self.apply_all)})


async def test_events_of_several_aggregates_are_applied_together(store: Store) -> None:
    other = uuid4()
    events = [event(1), event(1, aggregate_id=other), event(2, type="order.unknown.v1"), event(1), event(3)]

    outcomes = await processor(Effects().consumer(), store.worker).process(events)

    assert outcomes == ["applied", "applied", "passed_over", "duplicate", "applied"]
    assert effects(store) == [1, 1, 3]
    assert await process(Effects().consumer(), store, event(4)) is Outcome.APPLIED
    assert await process(Effects().consumer(), store, event(1, aggregate_id=other)) is Outcome.DUPLICATE


async def test_poison_among_many_dies_alone(store: Store) -> None:
    poisoned = uuid4()
    events = [event(1), event(1, aggregate_id=poisoned), event(2, aggregate_id=poisoned), event(2)]

    outcomes = await processor(Effects(poisoned=poisoned).consumer(), store.worker).process(events)

    assert outcomes == ["applied", "dead", "queued", "applied"]
    assert effects(store) == [1, 2]
    assert store.dead_letters() == [(1, "dead"), (2, "queued")]


async def test_one_among_many_that_has_to_wait_is_tried_again(store: Store) -> None:
    waiting = uuid4()
    events = [event(1), event(1, aggregate_id=waiting), event(2)]

    outcomes = await processor(Effects(away=waiting).consumer(), store.worker).process(events)

    assert outcomes == ["applied", "applied", "applied"]
    assert sorted(effects(store)) == [1, 1, 2]


async def test_a_constraint_that_speaks_at_the_commit_is_poison(store: Store) -> None:
    class Deferred(Effects):
        async def apply_all(self, session: AsyncSession, received: Sequence[Event]) -> None:
            await session.execute(
                text(
                    "INSERT INTO orders_timelineentry (order_id, version, event_type, payload)"
                    " VALUES (uuidv7(), 1, 'order.placed.v1', '{}')"
                )
            )

    events = [event(1), event(1, aggregate_id=uuid4())]

    assert await processor(Deferred().consumer(), store.worker).process(events) == ["dead", "dead"]


async def test_too_many_dead_letters_hold_the_next_event_instead(store: Store) -> None:
    poisoned = PoisonError("a bad release")
    bad = processor(Recorder(*[poisoned] * 99).consumer(), store.worker, dead_letter_limit=3)
    for _ in range(3):
        assert await bad.process([event(1, aggregate_id=uuid4())]) == ["dead"]
    held = event(1, aggregate_id=uuid4())

    async with asyncio.timeout(30):
        waiting = asyncio.create_task(bad.process([held]))
        while bad.guard.reason_against() is None:
            await asyncio.sleep(0.05)
        waiting.cancel()
    assert len(store.dead_letters()) == 3

    good = processor(Recorder().consumer(), store.worker, dead_letter_limit=3)
    assert await good.process([held]) == ["applied"]


async def test_what_queues_behind_a_dead_letter_does_not_count_against_the_guard(store: Store) -> None:
    recorder = Recorder(PoisonError("never"))
    few = processor(recorder.consumer(), store.worker, dead_letter_limit=2)

    outcomes = [(await few.process([event(version)]))[0] for version in (1, 2, 3, 4)]

    assert outcomes == ["dead", "queued", "queued", "queued"]
    recorder.failures = [PoisonError("never")]
    assert await few.process([event(1, aggregate_id=uuid4())]) == ["dead"]


async def test_a_body_that_breaks_its_contract_is_poison(store: Store) -> None:
    store.put_in_stock("MUG", 1)
    await store.place_order({"MUG": 1})
    (placed,) = store.events()

    assert await store.apply(replace(placed, body=b'{"order_id": "no"}')) is Outcome.DEAD


async def test_a_dead_letter_tells_the_error_and_no_secret_of_the_row(store: Store) -> None:
    class Breaking(Recorder):
        async def apply(self, session: AsyncSession, received: Event, prepared: int) -> None:
            await session.execute(
                text("INSERT INTO inventory_stockmovement (sku, reason, note) VALUES (:sku, 'theft', :note)"),
                {"sku": "MUG", "note": f"tok_secret_{prepared}"},
            )

    assert await process(Breaking().consumer(), store, event(1)) is Outcome.DEAD

    with psycopg.connect(store.database.url()) as superuser:
        row = superuser.execute("SELECT error FROM events_deadletter").fetchone()
    assert row
    assert "inventory_stockmovement_reason_known" in row[0]
    assert "tok_secret" not in row[0]
