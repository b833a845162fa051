"""`tandem-worker lag`: how far consumers are behind what is published, and what is not published or not applied yet."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from aiokafka import TopicPartition

from tandem_worker.relay import outbox
from tandem_worker.streams.broker import Broker, Extent
from tandem_worker.streams.sightings import sighting
from tandem_worker.terminal import duration, printable, table

GROUP_PREFIX = "tandem-"
HEADINGS = ("GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "OLDEST", "")


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`committed` is None where the group has committed nothing yet: then it begins with the first record.

    `lost` counts records that the broker removed before the group read them. `oldest_age_seconds` is the age of the
    event that is next, None when there is none.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    lost: int
    oldest_age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """In the database: events not published (counted up to 10,000), and letters waiting, by consumer."""

    outbox_events: int
    outbox_oldest_age_seconds: float
    dead_letters: dict[str, int]


async def measure_groups(broker: Broker, topics: Collection[str]) -> list[PartitionLag]:
    """The lag of every group of ours in every partition of each topic that it has committed something of."""
    partitions = await broker.partitions(topics)
    committed = await broker.committed(GROUP_PREFIX)
    extents = await broker.extents(partitions)  # after the offsets: nobody is ahead of the end
    lags = []
    for group, offsets in committed.items():
        read = {partition.topic for partition in offsets}
        spans = {
            partition: Extent(max(offsets.get(partition, 0), extents[partition].beginning), extents[partition].end)
            for partition in partitions
            if partition.topic in read
        }
        ages = await _oldest_ages(broker, spans)
        for partition, span in spans.items():
            offset = offsets.get(partition)
            lost = 0 if offset is None else span.beginning - offset
            lag = max(0, span.end - span.beginning)
            place = (partition.topic, partition.partition)
            lags.append(PartitionLag(group, *place, offset, span.end, lag, lost, ages.get(partition)))
    return lags


async def _oldest_ages(broker: Broker, spans: Mapping[TopicPartition, Extent]) -> dict[TopicPartition, float]:
    firsts = {
        partition: Extent(span.beginning, span.beginning + 1)
        for partition, span in spans.items()
        if span.beginning < span.end
    }
    now = datetime.now(UTC)
    return {
        TopicPartition(record.topic, record.partition): max(0.0, (now - sighting(record).time).total_seconds())
        async for record in broker.read(firsts)
    }


async def measure_backlog(connection: psycopg.AsyncConnection) -> Backlog:
    events, age = await outbox.backlog(connection)
    cursor = await connection.execute(
        "SELECT consumer, count(*) FROM events_deadletter"
        " WHERE state IN ('dead', 'queued') GROUP BY consumer ORDER BY consumer"
    )
    return Backlog(events, age, dict(await cursor.fetchall()))


def group_lines(lags: Collection[PartitionLag]) -> list[str]:
    """A table, and the sum of each group."""
    if not lags:
        return ["no consumer group has committed anything"]
    rows = [
        (
            printable(lag.group),
            lag.topic,
            lag.partition,
            "-" if lag.committed is None else lag.committed,
            lag.end,
            lag.lag,
            "-" if lag.oldest_age_seconds is None else duration(lag.oldest_age_seconds),
            f"LOST {lag.lost}: removed before they were read" if lag.lost else "",
        )
        for lag in lags
    ]
    lines = [table(HEADINGS, rows), ""]
    for group in dict.fromkeys(lag.group for lag in lags):
        those = [lag for lag in lags if lag.group == group]
        oldest = max((lag.oldest_age_seconds for lag in those if lag.oldest_age_seconds is not None), default=None)
        waiting = "" if oldest is None else f", the oldest for {duration(oldest)}"
        lines.append(f"{printable(group)}: {sum(lag.lag for lag in those)} waiting{waiting}")
    return lines


def backlog_lines(backlog: Backlog) -> list[str]:
    events = f"{'at least ' * (backlog.outbox_events == outbox.BACKLOG_COUNTED)}{backlog.outbox_events}"
    waiting = f", the oldest for {duration(backlog.outbox_oldest_age_seconds)}" if backlog.outbox_events else ""
    letters = [f"{consumer} {count}" for consumer, count in backlog.dead_letters.items()]
    return [f"outbox: {events} waiting{waiting}", f"dead letters waiting: {', '.join(letters) or 'none'}"]


def as_json(lags: Collection[PartitionLag] | None, backlog: Backlog | None, unreachable: list[str]) -> dict[str, Any]:
    """What could not be measured is null."""
    return {
        "partitions": None if lags is None else [asdict(lag) for lag in lags],
        **(dict.fromkeys(Backlog.__slots__) if backlog is None else asdict(backlog)),
        "unreachable": unreachable,
    }
