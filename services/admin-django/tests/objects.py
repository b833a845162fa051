"""An object for every page of the back office."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from tandem_admin.audit.models import AuditEntry
from tandem_admin.catalog.models import Category, Product
from tandem_admin.content.models import Banner, Page
from tandem_admin.events.models import OutboxEvent
from tandem_admin.events.services import Action, decide
from tandem_admin.identity.clients import register_partner
from tandem_admin.inventory.services import receive
from tandem_admin.users.models import User

from .dead_letters import Die
from .partners import Partners
from .store import Store

Objects = dict[type[models.Model], models.Model]


@dataclass(frozen=True)
class OneOfEach:
    """Called, it makes one more object for each page, and returns them by their model."""

    make_product: Callable[..., Product]
    make_user: Callable[..., User]
    store: Store
    customer_id: UUID
    die: Die
    partners: Partners
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self) -> Objects:
        number = next(self.numbers)
        category = Category.objects.create(slug=f"shelf-{number}", name=f"Shelf {number}")
        product = self.make_product(f"MUG-{number}", "published", category=category)
        order_id = self.store.pay_order(self.customer_id)
        self.store.note_mail(order_id)
        receive(product, 5)
        (letter,) = self.die(v1="dead/poison")
        decide([letter], Action.REPLAY, why="the release is mended", decided_by="ada@example.com")
        partner, _ = register_partner(f"Partner {number}", ["feed:read"])
        endpoint = self.partners.endpoint()
        delivery = self.partners.deliver(endpoint)
        user = self.make_user(f"customer-{number}@example.com")
        group = Group.objects.create(name=f"Group {number}")
        group.permissions.set(Group.objects.get(name="Auditor").permissions.all())
        user.groups.add(group)
        made: Objects = {
            type(obj): obj
            for obj in (product, category, product.stock, letter, partner, user, group, endpoint, delivery)
        }
        made[OutboxEvent] = OutboxEvent.objects.latest("pk")
        made[Page] = Page.objects.create(slug=f"imprint-{number}", title="Imprint", body="Who we are")
        made[Banner] = Banner.objects.create(title="Sale", link="page:sale", starts_at=timezone.now())
        made[AuditEntry] = AuditEntry.objects.create(
            actor=user, action="acted", object_type="users.user", object_id=str(user.pk), object_name=""
        )
        for model in admin.site._registry:
            if model not in made:
                made[model] = model._default_manager.filter(pk=order_id).first() or model._default_manager.latest("pk")
        return made
