"""The relay's loop: own shards, read, publish, delete; begin anew after any error."""

import asyncio

import psycopg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tandem_contracts.topics import MAX_RECORD_BYTES
from tandem_runtime.health import Health

from tandem_worker.database import connect
from tandem_worker.relay import metrics, outbox
from tandem_worker.relay.outbox import Aggregate
from tandem_worker.relay.publisher import publish
from tandem_worker.settings import RelaySettings
from tandem_worker.waiting import stopped_within, watched

IDLE_SECONDS = (0.005, 0.1)
RESTART_SECONDS = (0.2, 5.0)
OWNERSHIP_SECONDS = 1.0
ACKNOWLEDGEMENT_SECONDS = 15.0

# Another error is a defect of ours: the process ends with it, for its supervisor and for a person to see.
PASSING_FAULTS = (psycopg.OperationalError, psycopg.InterfaceError, KafkaError, OSError)

log = structlog.get_logger()


async def run_relay(settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
    """Publish until `stop` is set. Every error ends the connection and the producer; both are made anew.

    A new producer after an error is no waste: an idempotent one may be wedged (aiokafka #1017), and reading again
    from the database is what makes the promise of at least once, in order per aggregate.
    """
    relay = Relay(settings, health, stop)
    pause = RESTART_SECONDS[0]
    while not stop.is_set():
        try:
            await relay.publish_until_stopped()
        except PASSING_FAULTS as error:
            pause = RESTART_SECONDS[0] if relay.progressed else min(pause * 2, RESTART_SECONDS[1])
            metrics.OWNED_SHARDS.set(0)
            metrics.FAILURES.labels(reason="database" if isinstance(error, psycopg.Error) else "broker").inc()
            log.warning("relay starts anew", error=repr(error), pause_seconds=pause)
            health.beat()
            await stopped_within(stop, pause)


class Relay:
    """The shards this process owns, for as long as one connection lives, and the aggregates it has parked."""

    def __init__(self, settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
        self._settings = settings
        self._health = health
        self._stop = stop
        self._parked: set[Aggregate] = set()
        self._owned: set[int] = set()
        self.progressed = False

    async def publish_until_stopped(self) -> None:
        """Own what can be owned and publish it; raises at the first fault."""
        self._owned = set()
        self.progressed = False
        url = self._settings.database_url.get_secret_value()
        async with await connect(url, application="tandem-relay") as connection:
            producer = await _start_producer(self._settings.kafka_bootstrap_servers)
            try:
                self._health.set_ready(True)
                await self._publish_rounds(connection, producer)
            finally:
                await _abandon(producer)

    async def _publish_rounds(self, connection: psycopg.AsyncConnection, producer: AIOKafkaProducer) -> None:
        clock = asyncio.get_running_loop().time
        next_ownership = 0.0
        idle = IDLE_SECONDS[0]
        while not self._stop.is_set():
            self._health.beat()
            if clock() >= next_ownership:
                await self._extend_ownership(connection)
                next_ownership = clock() + OWNERSHIP_SECONDS
            published, full = await self._publish_batch(connection, producer)
            if full:
                continue  # no pause after a full batch: there is a backlog
            idle = IDLE_SECONDS[0] if published else min(idle * 2, IDLE_SECONDS[1])
            await stopped_within(self._stop, idle)

    async def _publish_batch(
        self, connection: psycopg.AsyncConnection, producer: AIOKafkaProducer
    ) -> tuple[bool, bool]:
        """Whether something was published, and whether the batch was full."""
        if not self._owned:
            return False, False
        limit = self._settings.relay_batch_events
        rows = await outbox.read_batch(connection, self._owned, parked=self._parked, limit=limit)
        if not rows:
            return False, False
        # An idempotent producer never gives a batch up, so the deadline is ours: then a new producer reads again.
        result = await watched(
            publish(producer, rows), health=self._health, stop=self._stop, seconds=ACKNOWLEDGEMENT_SECONDS
        )
        if result is None:
            return False, False
        self._parked |= result.parked
        await outbox.delete(connection, result.ids)
        self.progressed = self.progressed or bool(result.ids)
        if result.error is not None:
            raise result.error
        return True, len(rows) == limit

    async def _extend_ownership(self, connection: psycopg.AsyncConnection) -> None:
        """Take every shard that is free: all of them alone, those of a replica that died within a second."""
        self._owned |= await outbox.take_shards(connection, set(outbox.SHARDS) - self._owned)
        events, age = await outbox.backlog(connection)
        metrics.OWNED_SHARDS.set(len(self._owned))
        metrics.PARKED.set(len(self._parked))
        metrics.BACKLOG.set(events)
        metrics.OLDEST_AGE.set(age)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Stop the producer; one that cannot deliver is not waited for. What it holds is in the outbox still."""
    try:
        await asyncio.wait_for(producer.stop(), timeout=2)
    except (KafkaError, TimeoutError):
        # It must not deliver later what its successor has sent by then.
        await producer._sender.close()  # noqa: SLF001 - there is no public way to give up
        await producer.client.close()


async def _start_producer(bootstrap_servers: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id="tandem-relay",
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        request_timeout_ms=10_000,
        metadata_max_age_ms=60_000,
        max_request_size=MAX_RECORD_BYTES,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer
