"""`tandem-manage load_demo`: as tandem_admin, after `apply_grants`. Any number of times."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from tandem_runtime.settings import setting

from tandem_admin.demo import services
from tandem_admin.settings import SETTINGS

STAFF = ("staff@tandem.example", "Sam Keeper")
CUSTOMER = ("ada@tandem.example", "Ada Lovelace")


class Command(BaseCommand):
    help = (
        "Set up a small store, a member of staff, a customer and the OAuth clients. Needs TANDEM_DEMO_STAFF_PASSWORD, "
        "TANDEM_DEMO_CUSTOMER_PASSWORD, and TANDEM_API_URL for the clients' redirects. Refuses in production."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if SETTINGS.in_production:
            raise CommandError("This is production: no demo accounts here.")
        staff_password = _required("TANDEM_DEMO_STAFF_PASSWORD")
        customer_password = _required("TANDEM_DEMO_CUSTOMER_PASSWORD")
        with transaction.atomic():
            created = services.load_store()
            services.load_user(*STAFF, staff_password, is_staff=True)
            services.load_user(*CUSTOMER, customer_password)
            clients = services.load_clients(SETTINGS.api_url)
        self.stdout.write(f"products: {created} new")
        self.stdout.write(f"users: {STAFF[0]}, {CUSTOMER[0]}")
        self.stdout.write(f"clients: {', '.join(client.pk for client in clients)}")


def _required(name: str) -> str:
    value = setting(name)
    if not value:
        raise CommandError(f"Set {name}.")
    return value
