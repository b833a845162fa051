"""Run as a process, with the admin's settings: the store that is sold out of, and the customers who do it.

Prices are such that totals end in anything, so that a share of payments meets each of the provider's bad days. None
ends in 13, which it answers 500 for ever: such an order rightly waits for ever.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tandem_admin.settings")
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from tandem_admin.catalog.models import Category, Product  # noqa: E402
from tandem_admin.catalog.services import save_product  # noqa: E402
from tandem_admin.inventory.services import receive  # noqa: E402
from tandem_admin.users.models import User  # noqa: E402
from tandem_admin.users.services import register  # noqa: E402


@transaction.atomic
def main() -> None:
    call_command("load_demo")
    wanted = json.loads(sys.argv[1])
    category, _ = Category.objects.get_or_create(slug="chaos", defaults={"name": "Chaos", "position": 9})
    for sku, price, pieces in wanted["products"]:
        product = Product(
            sku=sku,
            name=sku,
            category=category,
            price_amount=price,
            price_currency="EUR",
            status=Product.Status.PUBLISHED,
        )
        save_product(product)
        receive(product, pieces, "opening stock")
    password = make_password(os.environ["TANDEM_DEMO_CUSTOMER_PASSWORD"])
    for email in wanted["customers"]:
        register(User(email=email, name=email, password=password))


main()
