"""Positions and dead letters: what makes delivery at least once an effect exactly once."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from store import Store
from tandem_contracts.envelope import Event
from tandem_worker.consumer.handlers import Consumer, Handler, PoisonError, RetryableError
from tandem_worker.consumer.inbox import Outcome
from tandem_worker.consumer.processing import process_event

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
        await process_event(recorder.consumer(), store.worker, received)
        for received in [event(1), event(1), event(2), event(1), event(2)]
    ]

    assert outcomes == ["applied", "duplicate", "applied", "duplicate", "duplicate"]
    assert effects(store) == [1, 2]
    assert recorder.prepared == [1, 2], "a duplicate must not reach the outside"


async def test_a_consumer_may_begin_in_the_middle_of_a_stream(store: Store) -> None:
    outcome = await process_event(Recorder().consumer(), store.worker, event(7))

    assert outcome is Outcome.APPLIED


async def test_events_without_a_handler_move_the_position_on(store: Store) -> None:
    consumer = Recorder().consumer()

    outcomes = [
        await process_event(consumer, store.worker, received)
        for received in [event(1), event(2, type="order.from_the_future.v9"), event(3)]
    ]

    assert outcomes == ["applied", "passed_over", "applied"]


async def test_a_gap_is_not_applied_over_and_holds_back_what_follows(store: Store) -> None:
    recorder = Recorder()

    outcomes = [await process_event(recorder.consumer(), store.worker, event(version)) for version in (1, 3, 4, 2)]

    assert outcomes == ["applied", "dead", "queued", "queued"]
    assert effects(store) == [1]
    assert store.dead_letters() == [(2, "queued"), (3, "dead"), (4, "queued")]


async def test_poison_becomes_a_dead_letter_without_its_effect_and_later_events_queue_behind(store: Store) -> None:
    recorder = Recorder(None, PoisonError("never"))

    outcomes = [await process_event(recorder.consumer(), store.worker, event(version)) for version in (1, 2, 2, 3)]

    assert outcomes == ["applied", "dead", "queued", "queued"]
    assert effects(store) == [1]
    assert store.dead_letters() == [(2, "dead"), (3, "queued")]
    assert recorder.prepared == [1, 2], "what waits behind a dead letter must not reach the outside"


async def test_poison_holds_back_its_own_aggregate_only(store: Store) -> None:
    recorder = Recorder(PoisonError("never"))

    outcomes = [
        await process_event(recorder.consumer(), store.worker, received)
        for received in [event(1), event(1, aggregate_id=uuid4())]
    ]

    assert outcomes == ["dead", "applied"]


@pytest.mark.parametrize("failure", [RetryableError("away"), ConnectionRefusedError(), TimeoutError()])
async def test_a_passing_fault_is_waited_out_in_place(store: Store, failure: Exception) -> None:
    recorder = Recorder(failure, failure)

    outcome = await process_event(recorder.consumer(), store.worker, event(1))

    assert outcome is Outcome.APPLIED
    assert effects(store) == [1]
    assert store.dead_letters() == []


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

    assert await process_event(Breaking().consumer(), store.worker, event(1)) is Outcome.DEAD

    with psycopg.connect(store.database.url()) as superuser:
        row = superuser.execute("SELECT error FROM events_deadletter").fetchone()
    assert row
    assert "inventory_stockmovement_reason_known" in row[0]
    assert "tok_secret" not in row[0]
