"""The task beside a consumer that carries out what was decided about its dead letters, and measures them."""

import asyncio

import structlog

from tandem_worker.consumer.handlers import Consumer, retry_reason
from tandem_worker.database import SessionFactory
from tandem_worker.dead_letters import metrics, repository
from tandem_worker.dead_letters.replay import Progress, Replay
from tandem_worker.waiting import stopped_within

# Doubled up to the second while nothing but passing faults hold letters up.
PAUSE_SECONDS = (1.0, 10.0)
MEASURE_SECONDS = 5.0
KINDS = (("dead", "poison"), ("dead", "gap"), ("dead", "malformed"), ("queued", "behind"))

log = structlog.get_logger()


async def settle_dead_letters(consumer: Consumer, sessions: SessionFactory, stop: asyncio.Event) -> None:
    """Settle what can be settled until `stop` is set; a lost database is waited for."""
    metrics.begin(consumer.name)
    replay = Replay(consumer, sessions)
    loop = asyncio.get_running_loop()
    pause, next_measure = PAUSE_SECONDS[0], loop.time()
    while not stop.is_set():
        try:
            progress = await settle_once(replay, stop)
            if loop.time() >= next_measure:
                await measure(consumer, sessions)
                next_measure = loop.time() + MEASURE_SECONDS
        except Exception as error:
            if not retry_reason(error):
                raise
            log.warning("dead letters wait", consumer=consumer.name, error=repr(error))
            progress = Progress.HELD_UP
        pause = min(pause * 2, PAUSE_SECONDS[1]) if progress is Progress.HELD_UP else PAUSE_SECONDS[0]
        if progress is not Progress.MADE:
            await stopped_within(stop, pause)


async def settle_once(replay: Replay, stop: asyncio.Event) -> Progress:
    """One step with every head: so a long queue of one aggregate holds up no other."""
    consumer = replay.consumer.name
    async with replay.sessions.begin() as session:
        late = await repository.close_late_decisions(session, consumer)
        heads = await repository.find_heads(session, consumer)
    for action in late:
        metrics.DECISIONS.labels(consumer=consumer, action=action, outcome="failed").inc()
    seen = {Progress.NONE}
    for head in heads:
        if stop.is_set():
            break
        seen.add(await replay.settle(head))
    return next(one for one in (Progress.MADE, Progress.HELD_UP, Progress.NONE) if one in seen)


async def measure(consumer: Consumer, sessions: SessionFactory) -> None:
    """Set the gauges to what the database says; every replica shows the same."""
    async with sessions() as session:
        counts, oldest = await repository.count_unsettled(session, consumer.name)
    for state, reason in {*KINDS, *counts}:
        metrics.LETTERS.labels(consumer=consumer.name, state=state, reason=reason).set(counts.get((state, reason), 0))
    metrics.OLDEST.labels(consumer=consumer.name).set(oldest)
