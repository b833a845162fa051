"""Who may do what in the back office, found out by trying: each role at each page with each action.

The table that comes out is docs/rights.md. After a change that is meant, this test writes it anew when the variable
TANDEM_WRITE_RIGHTS is set; the difference belongs into the change's review.
"""

import os
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tandem_admin.acts import ActsAdmin
from tandem_admin.audit.models import AuditEntry
from tandem_admin.catalog.models import Product
from tandem_admin.content.models import Banner, Page
from tandem_admin.events.models import OutboxEvent
from tandem_admin.events.services import Action, decide
from tandem_admin.identity.clients import register_partner
from tandem_admin.inventory.services import receive
from tandem_admin.users.models import User
from tandem_admin.users.roles import ROLES
from tandem_local.databases import Database

from .dead_letters import Die
from .partners import Partners
from .store import Store

DOCUMENT = Path(__file__).parents[3] / "docs" / "rights.md"
NO_ROLE, SUPERUSER = "no role", "Superuser"
WHO = (*ROLES, NO_ROLE, SUPERUSER)
INTRODUCTION = """\
# Rights

What each role may do on each page of the back office, as a test found by trying. The roles are groups, which a
migration makes and superusers change; a person has as many as are needed. *No role* is staff in no group.

"""


class Right(NamedTuple):
    page: str
    action: str


@pytest.fixture
def one_of_each(
    make_product: Callable[..., Product],
    make_user: Callable[..., User],
    store: Store,
    customer_id: UUID,
    die: Die,
    admin_database: Database,
) -> dict[type[models.Model], models.Model]:
    """An object for every page that there is."""
    product = make_product("MUG", "published")
    order_id = store.pay_order(customer_id)
    receive(product, 5)
    (letter,) = die(v1="dead/poison")
    decide([letter], Action.REPLAY, why="the release is mended", decided_by="ada@example.com")
    partner, _ = register_partner("Partner", ["feed:read"])
    user = make_user("customer@example.com")
    partners = Partners(admin_database)
    endpoint = partners.endpoint()
    delivery = partners.deliver(endpoint)
    made = {
        type(obj): obj for obj in (product, product.category, product.stock, letter, partner, user, endpoint, delivery)
    }
    made[Group] = Group.objects.get(name="Auditor")
    made[OutboxEvent] = OutboxEvent.objects.latest("pk")
    made[Page] = Page.objects.create(slug="imprint", title="Imprint", body="Who we are")
    made[Banner] = Banner.objects.create(title="Sale", link="page:sale", starts_at=timezone.now())
    made[AuditEntry] = AuditEntry.objects.create(
        actor=user, action="acted", object_type="users.user", object_id=str(user.pk), object_name=""
    )
    for model in admin.site._registry:
        if model not in made:
            made[model] = model._default_manager.filter(pk=order_id).first() or model._default_manager.latest("pk")
    return made


def tried(client: Client, page: "admin.ModelAdmin[Any]", obj: models.Model) -> Iterator[tuple[Right, bool]]:
    """Each action of a page, and whether the server let it pass. A form is posted empty, and comes back incomplete."""
    title = str(page.opts.verbose_name_plural).capitalize()
    base = f"admin:{page.opts.app_label}_{page.opts.model_name}"

    def allowed(response: Any) -> bool:
        assert response.status_code in (HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.FORBIDDEN), response
        return response.status_code != HTTPStatus.FORBIDDEN

    listed = client.get(reverse(f"{base}_changelist"))
    yield Right(title, "list"), allowed(listed)
    yield Right(title, "look at"), allowed(client.get(reverse(f"{base}_change", args=[obj.pk])))
    yield Right(title, "add"), allowed(client.get(reverse(f"{base}_add")))
    yield Right(title, "change"), allowed(client.post(reverse(f"{base}_change", args=[obj.pk]), {}))
    yield Right(title, "delete"), allowed(client.get(reverse(f"{base}_delete", args=[obj.pk])))
    for act in page.acts if isinstance(page, ActsAdmin) else ():
        yield Right(title, act.title.lower()), allowed(client.get(reverse(f"{base}_{act.name}", args=[obj.pk])))
    offered = listed.context["action_form"].fields["action"].choices if _has_actions(listed) else ()
    names = {name for name, _ in offered}
    for name in page.actions or ():
        label = str(name if isinstance(name, str) else name.__name__).replace("_", " ")
        yield Right(title, f"{label} many"), (name if isinstance(name, str) else name.__name__) in names


def _has_actions(listed: Any) -> bool:
    return listed.status_code == HTTPStatus.OK and listed.context.get("action_form") is not None


def _table(rights: dict[Right, dict[str, bool]]) -> str:
    text = INTRODUCTION
    by_page = attrgetter("page")
    for page, of_page in groupby(sorted(rights, key=by_page), key=by_page):
        text += f"## {page}\n\n| | {' | '.join(WHO)} |\n|---|{'---|' * len(WHO)}\n"
        for right in of_page:
            marks = ("✓" if rights[right][who] else "" for who in WHO)
            text += f"| {right.action} | {' | '.join(marks)} |\n"
        text += "\n"
    return text.rstrip() + "\n"


def test_the_table_of_rights_is_what_the_server_does(
    client: Client, make_user: Callable[..., User], one_of_each: dict[type[models.Model], models.Model]
) -> None:
    rights: dict[Right, dict[str, bool]] = {}
    for who in WHO:
        clerk = make_user(f"{who.replace(' ', '-').lower()}@example.com", is_staff=True, is_superuser=who == SUPERUSER)
        if who in ROLES:
            clerk.groups.add(Group.objects.get(name=who))
        client.force_login(clerk)
        for model, page in admin.site._registry.items():
            for right, passed in tried(client, page, one_of_each[model]):
                rights.setdefault(right, {})[who] = passed

    table = _table(rights)

    if os.environ.get("TANDEM_WRITE_RIGHTS"):
        DOCUMENT.write_text(table)
    assert table == DOCUMENT.read_text()
    assert not any(passed[NO_ROLE] for passed in rights.values())
    assert not any(passed["Auditor"] for right, passed in rights.items() if right.action not in ("list", "look at"))


def test_who_may_decide_about_dead_letters_is_an_administrator() -> None:
    assert {who for who, rights in ROLES.items() if "events.decide_deadletter" in rights} == {"Administrator"}
