"""Keeps the cache as the events say, whatever happens to Kafka and Postgres meanwhile."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from tandem_contracts.envelope import Event, MalformedEventError, from_kafka
from tandem_contracts.registry import EVENT_TYPES
from tandem_contracts.topics import CATALOG, CONTENT, CUSTOMERS, ORDERS, Topic
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import context_from

from tandem_api.database import DATABASE_AWAY
from tandem_api.feed.cache import Cache
from tandem_api.feed.source import Source, open_source
from tandem_api.metrics import (
    CACHE_AGE,
    EVENT_AGE,
    EVENTS_APPLIED,
    FEED_SILENCE,
    MALFORMED_RECORDS,
    RELOADS,
)

TOPICS = (CATALOG, CONTENT, CUSTOMERS, ORDERS)

log = structlog.get_logger()


class SilentError(Exception):
    """No broker has answered for too long."""


@dataclass
class Feed:
    """The loop. It recovers from everything in one way: connect, note the ends, read the database anew, follow.

    The order of these makes it gapless: what is published before the ends are noted was committed before, so the
    database shows it; what comes later is read. `retry_seconds` and so on are as in the settings.
    """

    cache: Cache
    connection: Mapping[str, Any]
    """To Kafka: KafkaSettings.kafka_connection()."""
    retry_seconds: float
    silence_seconds: float
    reload_seconds: float
    topics: Sequence[Topic] = TOPICS
    following: bool = field(default=False, init=False)
    _heard: float = field(default_factory=time.monotonic, init=False)

    async def run(self) -> None:
        """Run until cancelled."""
        FEED_SILENCE.set_function(self.silent_seconds)
        CACHE_AGE.set_function(self.cache.age_seconds)
        while True:
            # Ready without Kafka, and while it is away no staler than a retry takes.
            if await self._load():
                await self._follow_until_trouble()
            await asyncio.sleep(self.retry_seconds)

    def silent_seconds(self) -> float:
        """Time since a broker last answered for every partition; asked from the thread of the metrics too."""
        return time.monotonic() - self._heard

    def stale_seconds(self) -> float:
        """For how long the database may have said something else than the cache does."""
        return self.silent_seconds() if self.following else self.cache.age_seconds()

    async def _load(self) -> bool:
        try:
            await self.cache.load()
        except DATABASE_AWAY as error:
            log.warning("cache not loaded: the database is away", error=_first_line(error))
        except Exception:
            log.exception("cache not loaded")
        else:
            RELOADS.labels("loaded").inc()
            return True
        RELOADS.labels("failed").inc()
        return False

    async def _follow_until_trouble(self) -> None:
        try:
            async with open_source(self.connection, self.topics) as source:
                await self.cache.load()
                RELOADS.labels("loaded").inc()
                self.following = True
                log.info("feed follows", topics=[topic.name for topic in self.topics])
                await self._follow(source)
        except (KafkaError, SilentError, TimeoutError, OSError, *DATABASE_AWAY) as error:
            log.warning("feed interrupted", error=f"{type(error).__name__}: {_first_line(error)}")
        except Exception:
            # A defect of ours must not leave the process with a cache that nobody renews.
            log.exception("feed interrupted")
        finally:
            self.following = False

    async def _follow(self, source: Source) -> None:
        while True:
            if records := await source.read():
                await self._apply(records)
            self._heard = time.monotonic() - source.silent_seconds()
            if self.silent_seconds() > self.silence_seconds:
                raise SilentError(f"no broker answered for {self.silence_seconds} s")
            if self.cache.age_seconds() > self.reload_seconds:
                await self.cache.load()
                RELOADS.labels("loaded").inc()

    async def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        events = [(record.topic, event) for record in records if (event := _event(record))]
        await self.cache.apply(event for _, event in events)
        now = datetime.now(UTC)
        for topic, event in events:
            EVENTS_APPLIED.labels(event.type if event.type in EVENT_TYPES else "unknown").inc()
            age = max(0.0, (now - event.time).total_seconds())
            EVENT_AGE.labels(topic).observe(age, exemplar(context_from(event.trace)) if event.trace else None)


def _event(record: ConsumerRecord) -> Event | None:
    try:
        return from_kafka(record.value, record.headers)
    except MalformedEventError as error:
        MALFORMED_RECORDS.labels(record.topic).inc()
        log.warning(
            "malformed record skipped",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=_first_line(error),
        )
        return None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
