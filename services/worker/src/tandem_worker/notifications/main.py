"""`tandem-worker notifications`: a consumer notes what shall be sent, tasks beside it send it."""

import asyncio

from tandem_runtime.health import Health

from tandem_worker.consumer.main import run_consumer
from tandem_worker.database import session_factory
from tandem_worker.dead_letters.main import settle_dead_letters
from tandem_worker.notifications.intentions import notifications_consumer
from tandem_worker.notifications.sending import Sending, measure
from tandem_worker.settings import NotificationsSettings, sender_address


async def run_notifications(settings: NotificationsSettings, health: Health, stop: asyncio.Event) -> None:
    consumer = notifications_consumer()
    async with (
        session_factory(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size + settings.mail_connections,
            application="tandem-notifications",
        ) as sessions,
        asyncio.TaskGroup() as group,
    ):
        sending = Sending(sessions, settings.mail_target, sender_address(settings.mail_from), settings.mail_age_limit)
        health.add_check("mail server", sending.reason_against)
        for _ in range(settings.mail_connections):
            group.create_task(sending.run(stop))
        group.create_task(measure(sessions, stop))
        group.create_task(settle_dead_letters(consumer, sessions, stop))
        group.create_task(run_consumer(consumer, settings, sessions, health, stop))
