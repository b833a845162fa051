"""`tandem-manage publish_scheduled`: for a schedule, such as every minute."""

from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from tandem_admin.catalog.services import publish_due

AT_ONCE = 100

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Publish the scheduled products whose time has come, and end. Two that run at once share them."

    def handle(self, *args: Any, **options: Any) -> None:
        now, count = timezone.now(), 0
        while True:
            with transaction.atomic():
                published = publish_due(now, AT_ONCE)
            if not published:
                break
            count += len(published)
            for product in published:
                log.info("scheduled product published", sku=product.sku)
        self.stdout.write(f"{count} products published")
