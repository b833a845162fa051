"""A lane: some of the shards, read, published and deleted in rounds, one after the other.

Several lanes share the connection and the producer, so that one reads and deletes while another waits for the broker.
An aggregate belongs to a shard and a shard to a lane, hence lanes need to know nothing of each other.
"""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial

import psycopg
import structlog
from aiokafka import AIOKafkaProducer
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id
from tandem_runtime.health import Health

from tandem_worker.log_names import about
from tandem_worker.relay import metrics, outbox
from tandem_worker.relay.broker import deliver
from tandem_worker.relay.floors import Floor, overtaking
from tandem_worker.relay.outbox import OutboxRow
from tandem_worker.relay.records import OutgoingRecord, encode
from tandem_worker.relay.rounds import Aggregate, Fault, Plan, Settlement, Suspects, plan, settle
from tandem_worker.waiting import watched

IDLE_SECONDS = (0.005, 0.1)

log = structlog.get_logger()


class BatchRefusedError(Exception):
    """The broker will not have a batch: its events are to be sent one by one, by a new producer."""


@dataclass(slots=True)
class Lane:
    """What it owns, where it reads, which aggregates have events that came late, and the bell that ends its pause."""

    shards: set[int] = field(default_factory=set)
    floor: Floor = field(default_factory=Floor)
    late: set[Aggregate] = field(default_factory=set)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def own(self, shards: set[int]) -> None:
        """Own `shards` from now on, and read from the beginning: what others left is anywhere."""
        self.shards = shards
        self.floor = Floor()
        self.late.clear()
        self.bell.set()


@dataclass(frozen=True, slots=True)
class Rounds:
    """What a lane's rounds need: the connection that holds the locks, a producer, and what is known of bad events."""

    connection: psycopg.AsyncConnection
    producer: AIOKafkaProducer
    suspects: Suspects
    limit: int
    tracing: bool

    async def publish_until_stopped(self, lane: Lane, health: Health, stop: asyncio.Event) -> None:
        """One round after the other; without a pause while there is more, else until a hint or for 5 to 100 ms."""
        idle = IDLE_SECONDS[0]
        while not stop.is_set():
            health.beat()
            lane.bell.clear()
            published, more = await watched(self.publish(lane), health=health, stop=stop) or (0, False)
            if more:
                continue
            idle = IDLE_SECONDS[0] if published else min(idle * 2, IDLE_SECONDS[1])
            try:
                async with asyncio.timeout(idle):
                    await lane.bell.wait()
            except TimeoutError:
                pass

    async def publish(self, lane: Lane) -> tuple[int, bool]:
        """One round: how many events were published, and whether there is more to read. Raises after a fault."""
        if not lane.shards:
            return 0, False
        started, floor = time.monotonic(), lane.floor
        reading = await outbox.read_on(self.connection, lane.shards, behind=floor.behind, limit=self.limit)
        rows = await self._in_order(lane, reading.rows)
        settled: Settlement[OutgoingRecord] = Settlement()
        if rows:
            planned = plan(rows, partial(encode, tracing=self.tracing), self.suspects)
            settled = settle(planned, await deliver(self.producer, planned.batches), self.suspects)
            if settled.published:
                await outbox.delete(self.connection, [record.row_id for record in settled.published])
            _tell(planned, settled, rows)
        if settled.fault is Fault.REFUSED:
            raise BatchRefusedError(repr(settled.error)) from settled.error
        if settled.error is not None:
            raise settled.error
        more = reading.looked_at == self.limit
        floor.advance(started, reading.last, to_the_end=not more)
        return len(settled.published), more

    async def _in_order(self, lane: Lane, found: list[OutboxRow]) -> list[OutboxRow]:
        """The rows that may be sent: before those whose earlier events became visible behind us, these earlier ones."""
        rows = [row for row in found if row.aggregate not in self.suspects.parked]
        late = lane.late | overtaking(rows)
        if not late:
            return rows
        lane.late.clear()
        fetched = await outbox.read_aggregates(self.connection, lane.shards, late, limit=self.limit)
        metrics.LATE.inc(sum(row.id <= lane.floor.behind for row in fetched))
        return [row for row in rows if row.aggregate not in late] + fetched


def _tell(planned: Plan[OutgoingRecord], settled: Settlement[OutgoingRecord], rows: list[OutboxRow]) -> None:
    """Metrics, spans and logs of a round."""
    now = time.time()
    published = {record.row_id for record in settled.published}
    for (topic, _), batches in planned.batches.items():
        for batch in batches:
            if batch[0].row_id in published:
                metrics.PUBLISHED.labels(topic=topic).inc(len(batch))
                metrics.BATCH.observe(len(batch))
            for record in batch:
                if record.row_id in published:
                    metrics.PUBLISH_DELAY.observe(max(0.0, now - record.occurred_at), exemplar=_exemplar(record))
                if record.span is not None:
                    if record.row_id not in published:
                        record.span.set_status(StatusCode.ERROR, repr(settled.error))
                    record.span.end()
    for row in rows:
        if row.id in settled.parked:
            log.error(
                "event cannot be sent, its aggregate is parked",
                event_id=str(row.event_id),
                event_type=row.type,
                version=row.version,
                error=repr(settled.parked[row.id]),
                **about(row.aggregate_type, row.aggregate_id),
            )


def _exemplar(record: OutgoingRecord) -> dict[str, str] | None:
    if record.span is None:
        return None
    context = record.span.get_span_context()
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}
