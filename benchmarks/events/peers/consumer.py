"""The worker's consumer with a handler that keeps a row an event: `set` for many at once, `alone` for each."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.envelope import Event
from tandem_runtime import eventloop
from tandem_runtime.health import Health
from tandem_worker.consumer.handlers import Consumer, Handler, SetHandler
from tandem_worker.consumer.main import run_consumer
from tandem_worker.database import session_factory
from tandem_worker.settings import ConsumerSettings

from benchmarks.events.peers.effects import Clock, parameters

KEEP = text("""
    INSERT INTO benchmark_effect (consumer, order_id, version, total)
    SELECT :consumer, * FROM unnest(CAST(:orders AS uuid[]), CAST(:versions AS bigint[]), CAST(:totals AS bigint[]))
""")


async def main(kind: str, name: str, topic: str, events: int, file: Path) -> None:
    stop = asyncio.Event()
    clock = Clock(events, file)

    async def keep_all(session: AsyncSession, applied: Sequence[Event]) -> None:
        clock.begin()
        await session.execute(KEEP, parameters(name, applied))

        def committed(_session: object) -> None:
            if clock.committed(len(applied)):
                stop.set()

        sqlalchemy_event.listen(session.sync_session, "after_commit", committed, once=True)

    async def keep(session: AsyncSession, applied: Event, _prepared: object) -> None:
        await keep_all(session, [applied])

    handler = SetHandler(keep_all) if kind == "set" else Handler(keep)
    settings = ConsumerSettings.model_validate(
        {
            "database_url": os.environ["TANDEM_DATABASE_URL"],
            "kafka_bootstrap_servers": os.environ["TANDEM_KAFKA_BOOTSTRAP_SERVERS"],
        }
    )
    async with session_factory(
        settings.database_url.get_secret_value(), pool_size=settings.database_pool_size, application="benchmark"
    ) as sessions:
        consumer = Consumer(name, (topic,), {"order.placed.v1": handler})
        await run_consumer(consumer, settings, sessions, Health(), stop)


if __name__ == "__main__":
    eventloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5])))
