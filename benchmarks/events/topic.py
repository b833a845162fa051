"""Watching a topic grow, and reading it to see that nothing is missing or out of order."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from tandem_contracts.envelope import from_kafka
from tandem_local.processes import Running

SAMPLE_SECONDS = 0.05
STUCK_SECONDS = 120


class Sample(NamedTuple):
    """So many records were in the topic at this time, in seconds of the monotonic clock."""

    at: float
    records: int


class WrongOrderError(Exception):
    """An event is in Kafka before an earlier one of its aggregate, or the earlier one is missing."""


@dataclass(frozen=True)
class TopicReader:
    kafka: AIOKafkaConsumer
    partitions: list[TopicPartition]

    async def ends(self) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = await self.kafka.end_offsets(self.partitions)
        return ends

    async def watch(self, begins: dict[TopicPartition, int], records: int, process: Running) -> list[Sample]:
        """Samples from now until so many records are there; raises when `process` ends, or nothing comes any more."""
        samples: list[Sample] = []
        moved = time.monotonic()
        while not samples or samples[-1].records < records:
            process.check()
            ends = await self.ends()
            sample = Sample(time.monotonic(), sum(ends.values()) - sum(begins.values()))
            if samples and sample.records > samples[-1].records:
                moved = sample.at
            if sample.at > moved + STUCK_SECONDS:
                raise TimeoutError(f"{process.command.name}: no record within {STUCK_SECONDS} s, {sample} is the last")
            samples.append(sample)
            await asyncio.sleep(SAMPLE_SECONDS)
        return samples

    async def verify(self, begins: dict[TopicPartition, int], aggregates: int) -> int:
        """Read what was written since `begins`; returns how many records were duplicates.

        Raises WrongOrderError unless each of so many aggregates has its versions from 1, without a gap, in order.
        """
        self.kafka.assign(self.partitions)
        for partition, offset in begins.items():
            self.kafka.seek(partition, offset)
        left = sum((await self.ends()).values()) - sum(begins.values())
        versions: dict[bytes, int] = {}
        duplicates = 0
        while left:
            for records in (await self.kafka.getmany(timeout_ms=500)).values():
                left -= len(records)
                for record in records:
                    version = from_kafka(record.value, record.headers).version
                    reached = versions.get(record.key, 0)
                    if version > reached + 1:
                        raise WrongOrderError(f"version {version} after {reached} of {record.key!r}")
                    duplicates += version <= reached
                    versions[record.key] = max(version, reached)
        if len(versions) != aggregates:
            raise WrongOrderError(f"{len(versions)} aggregates instead of {aggregates}")
        return duplicates


@asynccontextmanager
async def reading(bootstrap_servers: str, topic: str) -> AsyncIterator[TopicReader]:
    kafka = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers)
    await kafka.start()
    try:
        numbers = sorted(kafka.partitions_for_topic(topic) or ())
        kafka.unsubscribe()
        yield TopicReader(kafka, [TopicPartition(topic, number) for number in numbers])
    finally:
        await kafka.stop()


def rate(samples: list[Sample]) -> float:
    """Records per second from the first ones seen to the last: without the time that the process took to start."""
    first = next(sample for sample in samples if sample.records)
    last = samples[-1]
    return (last.records - first.records) / (last.at - first.at)


def rate_between(samples: list[Sample], low: float, high: float) -> float:
    """Records per second while the topic grew from one part (0 to 1) of what it has at the end to another."""
    total = samples[-1].records
    window = [sample for sample in samples if low * total <= sample.records <= high * total and sample.records]
    return rate(window)
