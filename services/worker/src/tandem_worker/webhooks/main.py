"""`tandem-worker webhooks`: a consumer writes what partners shall hear of, tasks beside it send it."""

import asyncio

from tandem_runtime.health import Health

from tandem_worker.consumer.main import run_consumer
from tandem_worker.database import session_factory
from tandem_worker.dead_letters.main import settle_dead_letters
from tandem_worker.settings import WebhooksSettings
from tandem_worker.webhooks.deliverer import Deliverer, measure
from tandem_worker.webhooks.fan_out import webhooks_consumer
from tandem_worker.webhooks.sending import sender

# For answers that are written down, beside what the consumer has.
CONNECTIONS = 4


async def run_webhooks(settings: WebhooksSettings, health: Health, stop: asyncio.Event) -> None:
    consumer = webhooks_consumer()
    async with (
        session_factory(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size + CONNECTIONS,
            application="tandem-webhooks",
        ) as sessions,
        sender(settings) as sending,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(Deliverer(sessions, sending, settings).run(stop))
        group.create_task(measure(sessions, stop))
        group.create_task(settle_dead_letters(consumer, sessions, stop))
        group.create_task(run_consumer(consumer, settings, sessions, health, stop))
