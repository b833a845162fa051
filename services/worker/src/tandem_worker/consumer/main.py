"""The consumer's loop: take records, apply them, commit their offsets; never the other way round."""

import asyncio
from collections.abc import Collection

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from tandem_runtime.health import Health

from tandem_worker.consumer import metrics
from tandem_worker.consumer.handlers import Consumer
from tandem_worker.consumer.processing import process_batch
from tandem_worker.database import SessionFactory
from tandem_worker.settings import ConsumerSettings
from tandem_worker.waiting import stopped_within, watched

POLL_MS = 100
RESTART_SECONDS = (0.5, 5.0)
# How long a revoked partition, or the end of the process, waits for the work in hand.
DRAIN_SECONDS = 8.0

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
        except (KafkaError, OSError) as error:
            pause = RESTART_SECONDS[0] if runner.progressed else min(pause * 2, RESTART_SECONDS[1])
            log.warning("consumer starts anew", consumer=consumer.name, error=repr(error), pause_seconds=pause)
            health.beat()
            await stopped_within(stop, pause)


class _Runner(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One membership in the consumer group.

    Each partition has at most one batch in hand. It is paused meanwhile, and polling goes on: the group sees that we
    live, and an event that has to wait holds up its own partition only.
    """

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
        self._health = health
        self._stop = stop
        self._bound = asyncio.Semaphore(settings.consumer_concurrency)
        self._work: dict[TopicPartition, asyncio.Task[None]] = {}
        self._in_flight = metrics.IN_FLIGHT.labels(consumer=consumer.name)
        self.progressed = False
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
            await watched(self._kafka.start(), health=self._health, stop=self._stop)
            self._health.set_ready(True)
            while not self._stop.is_set():
                batches = await watched(self._kafka.getmany(timeout_ms=POLL_MS), health=self._health, stop=self._stop)
                self._let_go()
                for partition, records in (batches or {}).items():
                    self._take(partition, records)
        finally:
            await self._drain(list(self._work))
            await self._kafka.stop()

    def _take(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        if partition in self._work:  # assigned anew since it was paused: take the records again later
            self._kafka.seek(partition, records[0].offset)
            self._kafka.pause(partition)
            return
        self._kafka.pause(partition)
        self._work[partition] = asyncio.create_task(self._apply(partition, records))

    async def _apply(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        """Apply the records and commit behind them."""
        self._in_flight.inc(len(records))
        try:
            await process_batch(self._consumer, self._sessions, records, bound=self._bound)
            await self._kafka.commit({partition: records[-1].offset + 1})
            self.progressed = True
        except (CommitFailedError, IllegalStateError) as error:
            # A rebalance took the partition: its new owner reads the batch again, and the positions know it.
            log.info("offset not committed", consumer=self._consumer.name, error=repr(error))
        finally:
            self._in_flight.dec(len(records))
            if partition in self._kafka.assignment():
                self._kafka.resume(partition)

    def _let_go(self) -> None:
        """Forget the work that is done; raise what ended it, if that was no success."""
        for partition, work in list(self._work.items()):
            if work.done():
                del self._work[partition]
                if not work.cancelled():
                    work.result()

    async def _drain(self, partitions: Collection[TopicPartition]) -> None:
        """Wait for work in hand; cancelling it after the time-out only means that it is delivered again."""
        work = {self._work.pop(partition) for partition in partitions if partition in self._work}
        if not work:
            return
        _, late = await asyncio.wait(work, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.warning("work in hand given back", consumer=self._consumer.name, partitions=len(late))
            await asyncio.wait(late)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            log.info("partitions revoked", consumer=self._consumer.name, count=len(revoked))
        await self._drain(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        log.info("partitions assigned", consumer=self._consumer.name, count=len(assigned))
