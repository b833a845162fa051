"""The consumer's loop: take a batch, apply it, commit its offsets; never the other way round."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from tandem_runtime.health import Health

from tandem_worker.consumer import metrics
from tandem_worker.consumer.handlers import Consumer
from tandem_worker.consumer.processing import process_batch
from tandem_worker.database import SessionFactory
from tandem_worker.settings import ConsumerSettings

POLL_MS = 500
RESTART_SECONDS = (0.5, 5.0)
# How long a revoked partition, or the end of the process, waits for the batch in hand.
DRAIN_SECONDS = 8.0

Batch = Mapping[TopicPartition, list[ConsumerRecord]]
log = structlog.get_logger()


async def run_consumer(
    consumer: Consumer, settings: ConsumerSettings, sessions: SessionFactory, health: Health, stop: asyncio.Event
) -> None:
    """Consume until `stop` is set; a lost broker is waited for, not died of."""
    pause = RESTART_SECONDS[0]
    while not stop.is_set():
        runner = _Runner(consumer, settings, sessions, health, stop)
        try:
            await runner.run()
            pause = RESTART_SECONDS[0]
        except (KafkaError, OSError) as error:
            log.warning("consumer starts anew", consumer=consumer.name, error=repr(error), pause_seconds=pause)
            health.beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=pause)
            pause = min(pause * 2, RESTART_SECONDS[1])


class _Runner(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One membership in the consumer group."""

    def __init__(
        self,
        consumer: Consumer,
        settings: ConsumerSettings,
        sessions: SessionFactory,
        health: Health,
        stop: asyncio.Event,
    ) -> None:
        self._consumer = consumer
        self._sessions = sessions
        self._settings = settings
        self._health = health
        self._stop = stop
        self._work: asyncio.Task[None] | None = None
        self._kafka = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group_id=consumer.name,
            client_id=consumer.name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 4,
            max_poll_records=settings.consumer_batch_events,
        )

    async def run(self) -> None:
        self._kafka.subscribe(self._consumer.topics, listener=self)
        try:
            await self._kafka.start()
            self._health.set_ready(True)
            while not self._stop.is_set():
                self._health.beat()
                batch = await self._kafka.getmany(timeout_ms=POLL_MS)
                if batch:
                    await self._take(batch)
        finally:
            await self._drain()
            await self._kafka.stop()

    async def _take(self, batch: Batch) -> None:
        """Apply the batch and commit behind it, polling meanwhile so that the group keeps us as a member."""
        records = [record for part in batch.values() for record in part]
        metrics.IN_FLIGHT.labels(consumer=self._consumer.name).set(len(records))
        self._work = asyncio.create_task(self._apply(batch, records))
        try:
            while not self._work.done() and not self._stop.is_set():
                await asyncio.wait({self._work}, timeout=POLL_MS / 1000)
                if not self._work.done():
                    await self._poll_paused()
            await self._drain()
        finally:
            metrics.IN_FLIGHT.labels(consumer=self._consumer.name).set(0)
            self._kafka.resume(*self._kafka.assignment())

    async def _apply(self, batch: Batch, records: list[ConsumerRecord]) -> None:
        await process_batch(self._consumer, self._sessions, records, concurrency=self._settings.consumer_concurrency)
        offsets = {
            partition: part[-1].offset + 1 for partition, part in batch.items() if partition in self._kafka.assignment()
        }
        try:
            await self._kafka.commit(offsets)
        except CommitFailedError as error:
            # A rebalance took the partitions: their new owner reads the batch again, and the positions know it.
            log.info("offsets not committed", consumer=self._consumer.name, error=repr(error))

    async def _poll_paused(self) -> None:
        """Show the group that we live while a batch takes long. The turn of the loop is progress too."""
        self._health.beat()
        self._kafka.pause(*self._kafka.assignment())
        early = await self._kafka.getmany(timeout_ms=0)
        for partition, records in early.items():  # assigned since the last pause: take them again later
            self._kafka.seek(partition, records[0].offset)

    async def _drain(self) -> None:
        """Wait for the work in hand; cancelling it after the time-out only means that it is delivered again."""
        work, self._work = self._work, None
        if work is None:
            return
        await self._wait_or_cancel(work)
        if not work.cancelled():
            work.result()

    async def _wait_or_cancel(self, work: asyncio.Task[None]) -> None:
        await asyncio.wait({work}, timeout=DRAIN_SECONDS)
        if not work.done():
            log.warning("work in hand given back", consumer=self._consumer.name)
            work.cancel()
            await asyncio.wait({work})

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            log.info("partitions revoked", consumer=self._consumer.name, count=len(revoked))
        if self._work is not None:
            await self._wait_or_cancel(self._work)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        log.info("partitions assigned", consumer=self._consumer.name, count=len(assigned))
