"""The audit trail: who did what, when, from where; and nobody can take it back."""

from collections.abc import Callable

import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from django.contrib.auth.models import Group
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from tandem_admin.audit.models import AuditEntry
from tandem_admin.catalog.models import Category, Product
from tandem_admin.users.models import User

from .conftest import PASSWORD

MakeUser = Callable[..., User]
MakeProduct = Callable[..., Product]


def latest(obj: object) -> AuditEntry:
    return AuditEntry.objects.filter(object_id=str(obj.pk)).latest("pk")  # type: ignore[attr-defined]


def test_a_change_tells_what_was_and_what_became(staff: Client, superuser: User, make_product: MakeProduct) -> None:
    product = make_product("MUG")
    other = Category.objects.create(slug="office", name="Office")
    data = {
        "name": "Large mug",
        "description": "",
        "category": str(other.pk),
        "price": "15.90",
        "price_currency": "EUR",
        "status": "draft",
    }

    answer = staff.post(
        f"/admin/catalog/product/{product.pk}/change/", data, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    )

    assert answer.status_code == 302
    entry = latest(product)
    assert (entry.actor, entry.action, entry.object_type) == (superuser, "changed", "catalog.product")
    assert entry.changes == {
        "name": ["Mug", "Large mug"],
        "category": ["Kitchen", "Office"],
        "price": ["14.90", "15.90"],
    }
    assert entry.address == "127.0.0.1"
    assert "a" * 32 in entry.traceparent


def test_an_act_tells_the_reason(staff: Client, make_product: MakeProduct) -> None:
    product = make_product("MUG")

    staff.post(f"/admin/inventory/stock/{product.sku}/receive/", {"quantity": "7", "note": "DN 12"})

    entry = AuditEntry.objects.get(object_id="MUG")
    assert entry.action == "acted"
    assert entry.message.startswith("Book arrival: 7 pieces")
    assert entry.changes == {"quantity": ["", "7"], "note": ["", "DN 12"]}


def test_what_was_refused_leaves_nothing(staff: Client, make_product: MakeProduct) -> None:
    make_product("MUG")

    assert staff.post("/admin/inventory/stock/MUG/correct/", {"difference": "-7", "reason": "lost"}).status_code == 409

    assert not AuditEntry.objects.filter(object_id="MUG").exists()


def test_a_bulk_action_has_an_entry_for_each(staff: Client, make_product: MakeProduct) -> None:
    products = [make_product("A"), make_product("B"), make_product("C", "published")]

    staff.post(
        "/admin/catalog/product/", {"action": "publish", "_selected_action": [str(product.pk) for product in products]}
    )

    found = AuditEntry.objects.filter(object_type="catalog.product").values_list("object_name", flat=True)
    assert len(found) == 2


def test_groups_of_a_user_are_named_and_passwords_are_not(staff: Client, make_user: MakeUser) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    group = Group.objects.get(name="Support")
    data = {"email": clerk.email, "name": clerk.name, "is_staff": "on", "groups": [str(group.pk)]}

    staff.post(f"/admin/users/user/{clerk.pk}/change/", data)
    assert latest(clerk).changes == {"groups": ["", "Support"]}

    new = "another horse battery"
    staff.post(f"/admin/users/user/{clerk.pk}/password/", {"password1": new, "password2": new})
    assert User.objects.get(pk=clerk.pk).check_password(new)
    entry = latest(clerk)
    assert "password" in str(entry.changes) + entry.message.lower()
    assert new not in str(entry.changes) + entry.message
    assert PASSWORD not in str(entry.changes)


def test_the_history_of_an_object_shows_it(staff: Client, superuser: User, make_product: MakeProduct) -> None:
    product = make_product("MUG")
    staff.post("/admin/catalog/product/", {"action": "publish", "_selected_action": [str(product.pk)]})

    page = staff.get(f"/admin/catalog/product/{product.pk}/history/").content.decode()

    assert superuser.email in page
    assert "Published with others." in page


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_auditentry SET message = 'nothing'", "DELETE FROM audit_auditentry", "TRUNCATE audit_auditentry"],
)
def test_the_back_office_itself_cannot_take_it_back(staff: Client, make_product: MakeProduct, statement: str) -> None:
    make_product("MUG")

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic(), connection.cursor() as role:
        role.execute(statement)


def test_a_new_client_is_in_it_without_its_secret(staff: Client) -> None:
    data = {
        "id": "partner-1",
        "name": "Partner",
        "scopes": "feed:read",
        "type": "confidential",
        "grant_types": "client_credentials",
        "response_types": "code",
    }

    staff.post("/admin/allauth_idp_oidc/client/add/", data)

    client = OAuthClient.objects.get(pk="partner-1")
    entry = latest(client)
    assert entry.action == "added"
    assert client.secret not in str(entry.changes)
