"""What the relay does beside publishing, on a connection of its own: hear hints, look for what came late, measure.

A lane reads behind its floor; a row that becomes visible below it is found here, or in `overtaking` when the next
event of its aggregate is. The sweep is never more than a twentieth of the time, however much there is to walk over.
"""

import asyncio

import psycopg
from psycopg.sql import SQL, Identifier
from tandem_contracts.outbox import OUTBOX_CHANNEL

from tandem_worker.relay import metrics, outbox
from tandem_worker.relay.lanes import Lane
from tandem_worker.relay.pressure import oldest_transactions
from tandem_worker.relay.rounds import Suspects

SWEEP_SECONDS = 1.0
SWEEP_SHARE = 1 / 20
SWEPT_AT_ONCE = 1000
# So soon it notices that it is to stop.
ATTENTION_SECONDS = 0.5


async def watch(
    connection: psycopg.AsyncConnection, lanes: list[Lane], suspects: Suspects, stop: asyncio.Event
) -> None:
    """Watch until `stop` is set. A hint that is missed costs no more than a lane's pause."""
    clock = asyncio.get_running_loop().time
    await connection.execute(SQL("LISTEN {}").format(Identifier(OUTBOX_CHANNEL)))
    next_sweep = clock()
    while not stop.is_set():
        if (started := clock()) >= next_sweep:
            await _sweep(connection, lanes, suspects)
            await _measure(connection, suspects)
            ended = clock()
            next_sweep = ended + max(SWEEP_SECONDS, (ended - started) / SWEEP_SHARE)
        attention = min(ATTENTION_SECONDS, next_sweep - clock())
        async for _ in connection.notifies(timeout=max(0.0, attention), stop_after=1):
            for lane in lanes:
                lane.bell.set()


async def _sweep(connection: psycopg.AsyncConnection, lanes: list[Lane], suspects: Suspects) -> None:
    owning = [lane for lane in lanes if lane.shards]
    # Read before the statement begins: all that was visible up to there has been deleted by then.
    up_to = min((lane.floor.value for lane in owning), default=0)
    if not up_to:
        return
    shards = {shard for lane in owning for shard in lane.shards}
    for shard, aggregate in await outbox.find_late(
        connection, shards, up_to=up_to, parked=suspects.parked, limit=SWEPT_AT_ONCE
    ):
        for lane in owning:
            if shard in lane.shards:
                lane.late.add(aggregate)
                lane.bell.set()


async def _measure(connection: psycopg.AsyncConnection, suspects: Suspects) -> None:
    events, age = await outbox.backlog(connection)
    metrics.PARKED.set(len(suspects.parked))
    metrics.BACKLOG.set(events)
    metrics.OLDEST_AGE.set(age)
    for kind, seconds in (await oldest_transactions(connection)).items():
        metrics.OLDEST_TRANSACTION.labels(kind=kind).set(seconds)
