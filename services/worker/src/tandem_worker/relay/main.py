"""The relay: own shards, publish them in lanes, begin anew after any error."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog
from aiokafka.errors import KafkaError
from tandem_runtime.health import Health
from tandem_runtime.tracing import tracing_is_on

from tandem_worker.relay import metrics, outbox
from tandem_worker.relay.broker import running_producer
from tandem_worker.relay.certificates import watch_certificates
from tandem_worker.relay.lanes import BatchRefusedError, Lane, Rounds
from tandem_worker.relay.rounds import Suspects
from tandem_worker.relay.watch import watch
from tandem_worker.settings import RelaySettings
from tandem_worker.waiting import stopped_within

RESTART_SECONDS = (0.2, 5.0)
OWNERSHIP_SECONDS = 1.0

# Another error is a defect of ours: the process ends with it, for its supervisor and for a person to see.
PASSING_FAULTS = (psycopg.OperationalError, psycopg.InterfaceError, KafkaError, OSError)

log = structlog.get_logger()


async def run_relay(settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
    """Publish until `stop` is set. Every error ends the connection and the producer; both are made anew.

    A new producer after an error is no waste: an idempotent one may be wedged (aiokafka #1017), and reading again
    from the database is what makes the promise of at least once, in order per aggregate.
    """
    relay = Relay(settings, health, stop)
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.persist(relay.publish_until_stopped))
        group.create_task(relay.persist(relay.watch_until_stopped))
        group.create_task(watch_certificates(settings, stop))


class Relay:
    """The lanes over the shards this process owns, and what it knows of bad events."""

    def __init__(self, settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
        self._settings = settings
        self._health = health
        self._stop = stop
        self._suspects = Suspects()
        self._lanes = [Lane() for _ in range(settings.relay_lanes)]

    async def persist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` until it ends by itself; after a fault that may pass again, sooner or later."""
        clock = asyncio.get_running_loop().time
        pause = RESTART_SECONDS[0]
        while not self._stop.is_set():
            started = clock()
            try:
                await work()
            except* BatchRefusedError as refusals:
                # Without a pause: each refusal brings the search on, and the others are not to wait for its end.
                log.warning("batch refused, its events are sent one by one", error=repr(_first(refusals)))
                metrics.FAILURES.labels(reason="refusal").inc()
            except* PASSING_FAULTS as faults:
                pause = (
                    RESTART_SECONDS[0] if clock() - started > RESTART_SECONDS[1] else min(pause * 2, RESTART_SECONDS[1])
                )
                await self._pause_after(faults, pause)

    async def _pause_after(self, faults: ExceptionGroup[Exception], seconds: float) -> None:
        error = _first(faults)
        metrics.FAILURES.labels(reason="database" if isinstance(error, psycopg.Error) else "broker").inc()
        log.warning("relay starts anew", error=repr(error), pause_seconds=seconds)
        self._health.beat()
        await stopped_within(self._stop, seconds)

    async def publish_until_stopped(self) -> None:
        """Own what can be owned and publish it; raises at the first fault of any lane, for all of them."""
        limit = self._settings.relay_batch_events
        try:
            async with (
                await self._connect("tandem-relay") as connection,
                running_producer(self._settings) as producer,
                asyncio.TaskGroup() as group,
            ):
                self._health.set_ready(True)
                rounds = Rounds(connection, producer, self._suspects, limit, tracing_is_on())
                group.create_task(self._extend_ownership(connection))
                for lane in self._lanes:
                    group.create_task(rounds.publish_until_stopped(lane, self._health, self._stop))
        finally:
            metrics.OWNED_SHARDS.set(0)
            for lane in self._lanes:
                lane.own(set())

    async def watch_until_stopped(self) -> None:
        async with await self._connect("tandem-relay-watch") as connection:
            await watch(connection, self._lanes, self._suspects, self._stop)

    async def _connect(self, application: str) -> psycopg.AsyncConnection:
        return await outbox.open_outbox(self._settings.database_url.get_secret_value(), application=application)

    async def _extend_ownership(self, connection: psycopg.AsyncConnection) -> None:
        """Take every shard that is free: all of them alone, those of a replica that died within a second."""
        owned: set[int] = set()
        while True:
            if taken := await outbox.take_shards(connection, set(outbox.SHARDS) - owned):
                owned |= taken
                for number, lane in enumerate(self._lanes):
                    lane.own({shard for shard in owned if shard % len(self._lanes) == number})
            metrics.OWNED_SHARDS.set(len(owned))
            if await stopped_within(self._stop, OWNERSHIP_SECONDS):
                return


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The first of the errors in a group, which may hold groups in turn."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
