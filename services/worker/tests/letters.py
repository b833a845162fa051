"""Events that die and are mended: a consumer whose handler can be repaired, and what a person decides."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from store import Store, processor
from tandem_contracts.envelope import Event
from tandem_worker.consumer.dead_letters import as_event, bury
from tandem_worker.consumer.handlers import Apply, Consumer, Handler, PoisonError
from tandem_worker.consumer.inbox import Outcome
from tandem_worker.dead_letters.main import settle_once
from tandem_worker.dead_letters.replay import Progress, Replay

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def event(aggregate_id: UUID, version: int, *, type: str = "order.placed.v1") -> Event:  # noqa: A002
    return Event(
        id=uuid4(),
        type=type,
        source="/tandem/test",
        aggregate_type="order",
        aggregate_id=aggregate_id,
        version=version,
        time=datetime.now(UTC),
        body=b'{"number": 1}',
        trace={"traceparent": TRACEPARENT},
    )


def malformed_record(offset: int) -> SimpleNamespace:
    """What of a Kafka record is kept when it is no event."""
    return SimpleNamespace(topic="tandem.orders", partition=0, offset=offset, timestamp=0, value=b"no")


class Letter(NamedTuple):
    version: int
    state: str
    reason: str
    attempts: int


class Bench:
    """A consumer that writes a row for each event it applies, unless `failures` has something for the version."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failures: dict[int, Exception] = {}
        self.prepare_failures: dict[int, Exception] = {}
        self.prepared: list[int] = []
        self.consumer = self.with_apply(self.apply)
        store.execute("CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, aggregate_id uuid, version bigint)")
        store.execute("GRANT SELECT, INSERT ON effect TO tandem_worker")

    def with_apply(self, apply: Apply) -> Consumer:
        handler = Handler(apply, prepare=self._prepare)
        return Consumer(name="bench", topics=(), handlers={"order.placed.v1": handler})

    async def _prepare(self, received: Event) -> int:
        self.prepared.append(received.version)
        if received.version in self.prepare_failures:
            raise self.prepare_failures[received.version]
        return received.version

    async def apply(self, session: AsyncSession, received: Event, prepared: int) -> None:
        await session.execute(
            text("INSERT INTO effect (aggregate_id, version) VALUES (:aggregate_id, :version)"),
            {"aggregate_id": received.aggregate_id, "version": prepared},
        )
        if received.version in self.failures:
            raise self.failures[received.version]

    def poison(self, *versions: int) -> None:
        self.failures = dict.fromkeys(versions, PoisonError("a bad release"))

    async def deliver(self, *events: Event) -> list[Outcome]:
        live = processor(self.consumer, self.store.worker, dead_letter_limit=1000)
        return [(await live.process([one]))[0] for one in events]

    async def bury_malformed(self, record: SimpleNamespace) -> None:
        async with self.store.worker.begin() as session:
            await bury(session, "bench", as_event(record), reason="malformed", error="not a Tandem event")

    def decide(self, action: str, aggregate_id: UUID, *versions: int, aggregate_type: str = "order") -> None:
        for version in versions:
            self.store.execute(
                "INSERT INTO events_deadletterdecision"
                " (consumer, aggregate_type, aggregate_id, version, action, why, decided_by)"
                " VALUES ('bench', %s, %s, %s, %s, 'it is mended', 'ada@tandem.example')",
                aggregate_type,
                aggregate_id,
                version,
                action,
            )

    async def settle(self) -> None:
        """Settle until there is nothing more to do now."""
        replay = Replay(self.consumer, self.store.worker)
        while await settle_once(replay, asyncio.Event()) is Progress.MADE:
            pass

    def letters(self, aggregate_id: UUID | None = None) -> list[Letter]:
        rows = self._rows(
            "SELECT version, state, reason, attempts FROM events_deadletter"
            " WHERE aggregate_id = %s OR %s::uuid IS NULL ORDER BY aggregate_id, version",
            aggregate_id,
            aggregate_id,
        )
        return [Letter(*row) for row in rows]

    def decisions(self) -> list[tuple[int, str, str, str]]:
        """Version, action, outcome and detail, in the order in which they were made."""
        return [
            (row[0], row[1], row[2], row[3])
            for row in self._rows("SELECT version, action, outcome, detail FROM events_deadletterdecision ORDER BY id")
        ]

    def id_of(self, version: int) -> UUID:
        """The id of the only letter of that version that there is, or the oldest."""
        (row, *_) = self._rows("SELECT id FROM events_deadletter WHERE version = %s ORDER BY id", version)
        return UUID(str(row[0]))

    def ids(self, state: str) -> list[UUID]:
        return [row[0] for row in self._rows("SELECT id FROM events_deadletter WHERE state = %s ORDER BY id", state)]

    def effects(self, aggregate_id: UUID) -> list[int]:
        """Versions in the order in which their effects were written."""
        return [
            row[0] for row in self._rows("SELECT version FROM effect WHERE aggregate_id = %s ORDER BY id", aggregate_id)
        ]

    def position(self, aggregate_id: UUID) -> int | None:
        rows = self._rows(
            "SELECT version FROM events_consumerposition WHERE consumer = 'bench' AND aggregate_id = %s", aggregate_id
        )
        return rows[0][0] if rows else None

    def _rows(self, statement: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
        with psycopg.connect(self.store.database.url()) as superuser:
            return superuser.execute(statement, parameters).fetchall()
