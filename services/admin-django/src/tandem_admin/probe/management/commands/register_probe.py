"""`tandem-manage register_probe`: as tandem_admin. Any number of times."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from tandem_runtime.settings import setting

from tandem_admin.probe.services import CLIENT_ID, EMAIL, Article, save_probe

SECRET = "TANDEM_PROBE_CLIENT_SECRET"  # noqa: S105 - the name of a setting
SECRET_LENGTH = 32


class Command(BaseCommand):
    help = (
        "Set up whom the probe orders as and what it orders: a customer, a client that acts for it, an article. "
        f"The client's secret is {SECRET}; without that one is made, and shown this once."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        article = Article()
        parser.add_argument("--sku", default=article.sku)
        parser.add_argument("--price", type=int, default=article.price, help="in minor units, of a new article")
        parser.add_argument("--currency", default=article.currency, help="of a new article")

    def handle(self, *args: Any, sku: str, price: int, currency: str, **options: Any) -> None:
        given = setting(SECRET)
        if given is not None and len(given) < SECRET_LENGTH:
            raise CommandError(f"{SECRET} must have {SECRET_LENGTH} characters or more.")
        secret = given or secrets.token_urlsafe(SECRET_LENGTH)
        with transaction.atomic():
            save_probe(secret, Article(sku, price, currency))
        self.stdout.write(f"customer: {EMAIL}\narticle: {sku}\nclient: {CLIENT_ID}")
        if given is None:
            self.stdout.write(f"secret: {secret}")
