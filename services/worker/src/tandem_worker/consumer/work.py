"""The work in hand: deliveries wait in lanes, tasks apply them, offsets tell what may be committed."""

import asyncio
from collections.abc import Collection
from time import monotonic

import structlog
from aiokafka import TopicPartition

from tandem_worker.consumer import metrics
from tandem_worker.consumer.deliveries import Delivery
from tandem_worker.consumer.lanes import Lanes
from tandem_worker.consumer.offsets import Offsets
from tandem_worker.consumer.processing import Processor

log = structlog.get_logger()


class Work:
    """What was taken from Kafka and is not yet finished.

    When all transactions are busy, what becomes ready meanwhile shares the next one, as far as it may: little under
    little load, up to `transaction_events` under much.
    """

    def __init__(self, processor: Processor, *, transaction_events: int) -> None:
        self._processor = processor
        self._limit = transaction_events
        self._lanes: Lanes[Delivery] = Lanes(self._may_share)
        self._offsets: dict[TopicPartition, Offsets] = {}
        self._tasks: dict[asyncio.Task[None], set[TopicPartition]] = {}
        self._arrived = asyncio.Event()
        self._dispatcher = asyncio.create_task(self._dispatch())
        self._failure: BaseException | None = None
        self._moved = monotonic()

    def put(self, delivery: Delivery) -> None:
        """Take a delivery in hand; one that is in hand already is not taken twice."""
        if not any(self._offsets.values()):
            self._moved = monotonic()  # it begins to wait now
        stated = delivery.event.time.timestamp()
        if self._offsets.setdefault(delivery.partition, Offsets()).take(delivery.offset, stated):
            self._lanes.put(delivery)
            self._arrived.set()

    def in_hand(self, partition: TopicPartition) -> int:
        """How many events of the partition keep a commit back."""
        return len(self._offsets.get(partition, ()))

    def oldest(self) -> float | None:
        """When the oldest event in hand was stated, in seconds since 1970; None when there is none."""
        return min((at for offsets in self._offsets.values() if (at := offsets.oldest()) is not None), default=None)

    def behind(self, partition: TopicPartition, end: int) -> int:
        """How many offsets of the partition up to `end` are not finished; 0 while nothing was taken of it."""
        return self._offsets[partition].behind(end) if partition in self._offsets else 0

    def stalled_seconds(self) -> float:
        """Time since an event was last finished; 0 when none is in hand."""
        return monotonic() - self._moved if any(self._offsets.values()) else 0.0

    def to_commit(self) -> dict[TopicPartition, int]:
        """By partition the offset behind the highest that has none unfinished before it; only what is new."""
        offsets = {partition: offsets.to_commit() for partition, offsets in self._offsets.items()}
        return {partition: offset for partition, offset in offsets.items() if offset is not None}

    def committed(self, offsets: dict[TopicPartition, int]) -> None:
        for partition, offset in offsets.items():
            if partition in self._offsets:
                self._offsets[partition].committed(offset)

    def check(self) -> None:
        """Raise what ended a task, if that was no success: a defect, since passing faults are waited out inside."""
        if self._failure is not None:
            raise self._failure

    async def drain(self, partitions: Collection[TopicPartition], seconds: float) -> None:
        """Begin nothing more of `partitions` and wait for what is under way; what takes longer is given back."""
        for partition in partitions:
            self._lanes.forget(partition)
        tasks = {task for task, touched in self._tasks.items() if touched & set(partitions)}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            log.warning("work in hand given back", consumer=self._processor.consumer.name, transactions=len(late))
            await asyncio.wait(late)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing of `partitions` is ours any more."""
        for partition in partitions:
            self._offsets.pop(partition, None)

    async def close(self) -> None:
        self._dispatcher.cancel()
        await asyncio.wait({self._dispatcher})

    async def _dispatch(self) -> None:
        while True:
            await self._arrived.wait()
            async with self._processor.places, self._processor.transactions:
                pass  # one of each is free
            deliveries = self._lanes.take(self._limit)
            if not self._lanes.ready:
                self._arrived.clear()
            if deliveries:
                task = asyncio.create_task(self._apply(deliveries))
                self._tasks[task] = {delivery.partition for delivery in deliveries}
                task.add_done_callback(self._tasks.pop)
                await asyncio.sleep(0)  # it takes what it needs

    async def _apply(self, deliveries: list[Delivery]) -> None:
        metrics.BATCH.labels(consumer=self._processor.consumer.name).observe(len(deliveries))
        first = deliveries[0]
        try:
            if first.malformed is None:
                events = [delivery.event for delivery in deliveries]
                await self._processor.process(events, [delivery.source for delivery in deliveries])
            else:
                await self._processor.bury_malformed(first.event, first.malformed)
            for delivery in deliveries:
                if (offsets := self._offsets.get(delivery.partition)) is not None:
                    offsets.finish(delivery.offset)
            self._moved = monotonic()
        except Exception as error:  # noqa: BLE001 - `check` raises it where the process can end
            self._failure = error
        finally:
            for lane in {delivery.lane for delivery in deliveries}:
                self._lanes.finish(lane)
            if self._lanes.ready:
                self._arrived.set()

    def _may_share(self, delivery: Delivery) -> bool:
        return delivery.malformed is None and self._processor.consumer.may_share(delivery.event.type)
