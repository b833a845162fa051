"""Kafka beside the consumers: without a group, so that nobody's offsets move, and never waiting for ever."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from tandem_runtime.kafka import KafkaSettings

from tandem_worker.waiting import closed_within

ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 2.0
SILENCE_SECONDS = 5.0
CLIENT_ID = "tandem-tools"
# States of a group without members.
NOBODY = ("Empty", "Dead")

# What it has to say about a broker that is away, we say in a line; without a handler Python prints it.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


class BrokerAwayError(Exception):
    """The broker does not answer, or not as it should."""


class NoSuchTopicError(Exception):
    """The broker does not have the topic."""


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Raises BrokerAwayError when what is done in the block fails at the broker, or takes too long."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError as error:
        raise BrokerAwayError(f"no answer within {ANSWER_SECONDS:.0f} s") from error
    except (KafkaError, OSError) as error:
        raise BrokerAwayError(str(error) or repr(error)) from error


@dataclass(frozen=True, slots=True)
class Extent:
    """The offsets of a partition's first record, and behind its last one."""

    beginning: int
    end: int

    @property
    def records(self) -> int:
        return self.end - self.beginning


Extents = Mapping[TopicPartition, Extent]


@dataclass(frozen=True, slots=True)
class Broker:
    consumer: AIOKafkaConsumer
    admin: AIOKafkaAdminClient

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """All partitions of the topics, in order. NoSuchTopicError names what is missing."""
        async with answering():
            described = await self.admin.describe_topics(list(topics))
        found = {topic["topic"]: topic["partitions"] for topic in described if not topic["error_code"]}
        if missing := sorted(set(topics) - found.keys()):
            raise NoSuchTopicError(f"it has no topic {', '.join(missing)}")
        return sorted(TopicPartition(name, one["partition"]) for name, those in found.items() for one in those)

    async def extents(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Extent]:
        async with answering():
            beginnings = await self.consumer.beginning_offsets(partitions)
            ends = await self.consumer.end_offsets(partitions)
        return {partition: Extent(beginnings[partition], ends[partition]) for partition in partitions}

    async def offset_at(self, partition: TopicPartition, milliseconds: int) -> int | None:
        """The first record that was written at this time (since the epoch) or later; None if there is none."""
        async with answering():
            found = (await self.consumer.offsets_for_times({partition: milliseconds}))[partition]
        return found.offset if found else None

    async def committed(self, prefix: str) -> dict[str, dict[TopicPartition, int]]:
        """The committed offsets of each consumer group whose name begins so."""
        async with answering():
            groups = sorted(group for group, *_ in await self.admin.list_consumer_groups() if group.startswith(prefix))
            offsets = [await self.admin.list_consumer_group_offsets(group) for group in groups]
        return {
            group: {partition: one.offset for partition, one in those.items() if one.offset >= 0}
            for group, those in zip(groups, offsets, strict=True)
        }

    async def groups_with_members(self, groups: Sequence[str]) -> list[str]:
        async with answering():
            # One by one: aiokafka reads version 3 of the answer as version 2, which goes wrong behind the first group.
            answers = [answer for group in groups for answer in await self.admin.describe_consumer_groups([group])]
        described = [group for answer in answers for group in answer.groups]
        return sorted(name for _, name, state, *_ in described if state not in NOBODY)

    async def read(self, spans: Extents) -> AsyncIterator[ConsumerRecord]:
        """The records of each span, partition by partition in order. BrokerAwayError when they do not come."""
        pending = {partition for partition, span in spans.items() if span.beginning < span.end}
        self.consumer.assign(pending)
        for partition in pending:
            self.consumer.seek(partition, spans[partition].beginning)
        while pending:
            batches = await self.consumer.getmany(*pending, timeout_ms=int(ANSWER_SECONDS * 1000))
            if not batches:
                raise BrokerAwayError(f"no records within {ANSWER_SECONDS:.0f} s")
            for partition, records in batches.items():
                for record in records:
                    if record.offset < spans[partition].end:
                        yield record
                if await self.consumer.position(partition) >= spans[partition].end:
                    pending.discard(partition)

    async def follow(self, starts: Mapping[TopicPartition, int]) -> AsyncIterator[ConsumerRecord]:
        """The records from these offsets on, for ever. BrokerAwayError when it is the broker who is silent."""
        self.consumer.assign(list(starts))
        for partition, offset in starts.items():
            self.consumer.seek(partition, offset)
        while True:
            batches = await self.consumer.getmany(timeout_ms=int(SILENCE_SECONDS * 1000))
            if not batches:
                await self.extents(starts)
            for records in batches.values():
                for record in records:
                    yield record


@asynccontextmanager
async def connected(settings: KafkaSettings) -> AsyncIterator[Broker]:
    """A connection to read by; BrokerAwayError when there is none to be had."""
    async with AsyncExitStack() as stack:
        consumer = AIOKafkaConsumer(
            **settings.kafka_connection(),
            client_id=CLIENT_ID,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=int(ANSWER_SECONDS * 1000),
        )
        stack.push_async_callback(lambda: closed_within(consumer.stop(), CLOSE_SECONDS))
        admin = AIOKafkaAdminClient(**settings.kafka_connection(), client_id=CLIENT_ID)
        stack.push_async_callback(lambda: closed_within(admin.close(), CLOSE_SECONDS))
        async with answering():
            await consumer.start()
            await admin.start()
        yield Broker(consumer, admin)
