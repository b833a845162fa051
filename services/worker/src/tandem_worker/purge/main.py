"""`tandem-worker purge`: remove what is old enough, and end. For a schedule; a run that is missed is made up for."""

import asyncio
import random
from datetime import datetime

import psycopg
import structlog

from tandem_worker.database import connect
from tandem_worker.purge.expired import (
    BEGINNING,
    Expired,
    idempotency_keys,
    remove_batch,
    settled_dead_letters,
    take_lock,
    webhooks,
)
from tandem_worker.settings import PurgeSettings
from tandem_worker.waiting import stopped_within

# Of a fault that may pass by itself. Whatever was removed stays removed, so trying again goes on from there.
# Somebody may ask for a delivery again in the moment in which it goes: then it stays.
PASSING_FAULTS = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ForeignKeyViolation)
ATTEMPTS = 6
PAUSE_SECONDS = 0.5

log = structlog.get_logger()


class Purge:
    """One run: what there is to remove, and what was removed so far."""

    def __init__(self, settings: PurgeSettings) -> None:
        self._url = settings.database_url.get_secret_value()
        self._batch = settings.purge_batch_rows
        self._targets = (
            idempotency_keys(settings.purge_idempotency_keys_after),
            settled_dead_letters(settings.purge_dead_letters_after),
            *webhooks(settings.purge_webhooks_after),
        )
        self.removed = {target.table: 0 for target in self._targets}
        self._batches = 0

    async def run(self, stop: asyncio.Event) -> bool:
        """Remove all that is old enough, until `stop` is set; False when the database stays away."""
        faults = 0
        while not stop.is_set():
            before = self._batches
            try:
                await self._remove_all(stop)
                break
            except PASSING_FAULTS as error:
                faults = 1 if self._batches > before else faults + 1
                if faults == ATTEMPTS:
                    log.error("purge gives up", error=repr(error), removed=self.removed)  # noqa: TRY400 - told in a line
                    return False
                pause = PAUSE_SECONDS * 2 ** (faults - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
                log.warning("purge is tried again", error=repr(error), pause_seconds=round(pause, 1))
                await stopped_within(stop, pause)
        log.info("purged", removed=self.removed, complete=not stop.is_set())
        return True

    async def _remove_all(self, stop: asyncio.Event) -> None:
        async with await connect(self._url, application="tandem-purge") as connection:
            if not await take_lock(connection):
                log.info("another purge is at work")
                return
            for target in self._targets:
                await self._remove(connection, target, stop)

    async def _remove(self, connection: psycopg.AsyncConnection, target: Expired, stop: asyncio.Event) -> None:
        since: datetime | str = BEGINNING
        while not stop.is_set():
            count, last = await remove_batch(connection, target, since=since, limit=self._batch)
            self._batches += 1
            self.removed[target.table] += count
            if last is None or count < self._batch:
                return
            since = last
