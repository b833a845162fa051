"""One membership in a consumer group: what is assigned, paused, committed and given back."""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from tandem_runtime.health import Health

from tandem_worker.consumer import metrics
from tandem_worker.consumer.deliveries import read
from tandem_worker.consumer.processing import Processor
from tandem_worker.consumer.work import Work
from tandem_worker.settings import ConsumerSettings
from tandem_worker.waiting import closed_within, watched

POLL_MS = 100
COMMIT_SECONDS = 0.2
# How long a revoked partition, or the end of the process, waits for the work in hand.
DRAIN_SECONDS = 8.0
LEAVE_SECONDS = 4.0

log = structlog.get_logger()


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Takes records for as long as the group lets it.

    A partition with too much in hand is paused, and polling goes on: the group sees that we live, and an event that has
    to wait holds up nothing but what is behind it in its own aggregate, until its partition is full.
    """

    def __init__(self, processor: Processor, settings: ConsumerSettings, health: Health, stop: asyncio.Event) -> None:
        self._name = processor.consumer.name
        self._topics = processor.consumer.topics
        self._health = health
        self._stop = stop
        self._limit = settings.consumer_partition_events
        self._work = Work(processor, transaction_events=settings.consumer_transaction_events)
        self._next_commit = 0.0
        self.progressed = False
        self._kafka = AIOKafkaConsumer(
            **settings.kafka_connection(),
            group_id=self._name,
            # Static: a member that comes back within the session time-out has its partitions without a rebalance.
            group_instance_id=settings.consumer_instance_id,
            client_id=self._name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 4,
            max_poll_records=settings.consumer_partition_events,
        )

    async def consume(self) -> None:
        """Consume until `stop` is set; raises when the broker is lost, or at a defect."""
        try:
            self._kafka.subscribe(self._topics, listener=self)
            await watched(self._kafka.start(), health=self._health, stop=self._stop)
            self._health.set_ready(True)
            while not self._stop.is_set():
                await self._turn()
        finally:
            metrics.ASSIGNED.labels(consumer=self._name).set(0)
            metrics.STALLED.labels(consumer=self._name).set(0)
            await self._give_back(self._kafka.assignment())
            await self._work.close()
            # A silent broker is not waited for: the session time-out tells the group.
            await closed_within(self._kafka.stop(), LEAVE_SECONDS)

    async def _turn(self) -> None:
        await watched(self._take(), health=self._health, stop=self._stop)
        self._work.check()
        self._pause_and_resume()
        now = asyncio.get_running_loop().time()
        if now >= self._next_commit:
            self._next_commit = now + COMMIT_SECONDS
            self._measure()
            await watched(self._commit(self._work.to_commit()), health=self._health, stop=self._stop)

    async def _take(self) -> None:
        """Take what there is, within one step of the event loop: aiokafka gives nothing out during a rebalance.

        Were there a step between, the partitions might be revoked in it: what waited would be given back, and these
        records, which come after, would be worked on.
        """
        for partition, records in (await self._kafka.getmany(timeout_ms=POLL_MS)).items():
            for record in records:
                self._work.put(read(self._name, partition, record))

    def _pause_and_resume(self) -> None:
        in_hand = {partition: self._work.in_hand(partition) for partition in self._kafka.assignment()}
        metrics.IN_FLIGHT.labels(consumer=self._name).set(sum(in_hand.values()))
        paused = self._kafka.paused()
        full = [partition for partition, events in in_hand.items() if events >= self._limit]
        self._kafka.pause(*full)
        # Not at once when one is finished: a fetch for a single event costs as much as one for many.
        self._kafka.resume(*(partition for partition in paused if in_hand.get(partition, 0) <= self._limit // 2))

    def _measure(self) -> None:
        """What a partition is behind is known from its last fetch, so of one that is paused it is the least."""
        assigned = self._kafka.assignment()
        ends = {partition: self._kafka.highwater(partition) or 0 for partition in assigned}
        oldest = self._work.oldest()
        known = [self._kafka.partitions_for_topic(topic) or () for topic in self._topics]
        metrics.ASSIGNED.labels(consumer=self._name).set(len(assigned))
        metrics.TOPIC_PARTITIONS.labels(consumer=self._name).set(sum(map(len, known)))
        metrics.LAG_EVENTS.labels(consumer=self._name).set(sum(self._work.behind(*end) for end in ends.items()))
        metrics.LAG_SECONDS.labels(consumer=self._name).set(0 if oldest is None else max(0, time.time() - oldest))
        metrics.STALLED.labels(consumer=self._name).set(self._work.stalled_seconds())

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        if not offsets:
            return
        try:
            await self._kafka.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # A rebalance took a partition: its new owner reads the events again, and the positions know them.
            log.info("offsets not committed", consumer=self._name, error=repr(error))
        else:
            self._work.committed(offsets)
            self.progressed = True

    async def _give_back(self, partitions: Collection[TopicPartition]) -> None:
        """Finish what is under way and commit it; what waits is delivered again to whoever is next."""
        await self._work.drain(partitions, DRAIN_SECONDS)
        offsets = {partition: offset for partition, offset in self._work.to_commit().items() if partition in partitions}
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(self._commit(offsets), timeout=2)
        self._work.forget(partitions)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            log.info("partitions revoked", consumer=self._name, count=len(revoked))
        await self._give_back(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        metrics.REBALANCES.labels(consumer=self._name).inc()
        log.info("partitions assigned", consumer=self._name, count=len(assigned))
