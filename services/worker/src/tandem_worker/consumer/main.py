"""The consumer's loop: take records, apply them, commit their offsets; never the other way round."""

import asyncio
from contextlib import aclosing

import structlog
from aiokafka.errors import KafkaError
from tandem_runtime.health import Health
from tandem_runtime.tracing import tracing_is_on

from tandem_worker.consumer import metrics
from tandem_worker.consumer.guard import Guard
from tandem_worker.consumer.handlers import Consumer
from tandem_worker.consumer.membership import Membership
from tandem_worker.consumer.processing import Processor
from tandem_worker.database import SessionFactory, outbox_hint
from tandem_worker.settings import ConsumerSettings
from tandem_worker.waiting import stopped_within

RESTART_SECONDS = (0.5, 5.0)

log = structlog.get_logger()


async def run_consumer(
    consumer: Consumer, settings: ConsumerSettings, sessions: SessionFactory, health: Health, stop: asyncio.Event
) -> None:
    """Consume until `stop` is set; a lost broker is waited for, not died of."""
    guard = Guard(
        limit=settings.consumer_dead_letter_limit, window_seconds=settings.consumer_dead_letter_window_seconds
    )
    health.add_check("dead letters", guard.reason_against)
    pause = RESTART_SECONDS[0]
    metrics.begin(consumer.name)
    async with aclosing(outbox_hint(sessions)) as hint:
        places = asyncio.Semaphore(settings.consumer_concurrency)
        transactions = asyncio.Semaphore(settings.consumer_transactions)
        processor = Processor(consumer, sessions, guard, places, transactions, hint, tracing_is_on())
        while not stop.is_set():
            membership = Membership(processor, settings, health, stop)
            try:
                await membership.consume()
            except (KafkaError, OSError) as error:
                pause = RESTART_SECONDS[0] if membership.progressed else min(pause * 2, RESTART_SECONDS[1])
                log.warning("consumer starts anew", consumer=consumer.name, error=repr(error), pause_seconds=pause)
                health.beat()
                await stopped_within(stop, pause)
