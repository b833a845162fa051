"""People get a copy of their data, and can be forgotten; their orders stay."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.test import Client
from tandem_admin.addresses.models import Address
from tandem_admin.audit.models import AuditEntry
from tandem_admin.events.models import OutboxEvent
from tandem_admin.orders.models import Order
from tandem_admin.users import personal_data, services
from tandem_admin.users.models import User
from tandem_local.databases import Database

from .conftest import PASSWORD
from .store import Store

pytestmark = pytest.mark.django_db
MakeUser = Callable[..., User]
WHY = {"reason": "asked by letter"}


def page(user_id: UUID, name: str) -> str:
    return f"/admin/users/user/{user_id}/{name}/"


def events_of(user: User) -> list[str]:
    return list(OutboxEvent.objects.filter(aggregate_id=user.pk).order_by("version").values_list("type", flat=True))


@pytest.fixture
def buyer_id(admin_database: Database) -> UUID:
    """A customer whom the API's connection sees too, so that it can order for them."""
    with psycopg.connect(admin_database.url("tandem_admin")) as connection:
        row = connection.execute(
            "INSERT INTO users_user (email, name, password, is_superuser)"
            " VALUES ('buyer-' || uuidv7() || '@example.com', 'Bea Buyer', '', false) RETURNING id"
        ).fetchone()
    assert row
    buyer: UUID = row[0]
    return buyer


def test_a_copy_has_all_that_is_kept(staff: Client, store: Store, buyer_id: UUID) -> None:
    order_id = store.pay_order(buyer_id)
    store.note_mail(order_id)
    store.ship_to(order_id)
    store.keep_address(buyer_id)

    answer = staff.get(page(buyer_id, "copy"))

    assert answer.headers["Content-Disposition"] == f'attachment; filename="{buyer_id}.json"'
    copy = answer.json()
    assert copy["name"] == "Bea Buyer"
    assert [address["street"] for address in copy["addresses"]] == ["Keizersgracht 1"]
    (order,) = copy["orders"]
    assert order["shipping_address"]["postal_code"] == "1015 CJ"
    assert order["id"] == str(order_id)
    assert order["lines"] == [{"sku": "MUG", "name": "Mug", "quantity": 2, "unit_amount": 1490}]
    assert [entry["state"] for entry in order["timeline"]] == ["placed", "reserved", "paid"]
    assert order["payments"][0]["amount"] == 2980
    assert [(mail["kind"], mail["state"]) for mail in order["mails"]] == [("order_confirmed", "sent")]
    assert "tok_visa" not in answer.content.decode()
    assert AuditEntry.objects.filter(object_id=str(buyer_id), message__startswith="Took a copy").count() == 1


def test_whoever_is_erased_cannot_be_known_or_log_in(staff: Client, make_user: MakeUser) -> None:
    user = make_user()

    assert staff.post(page(user.pk, "erase"), WHY).status_code == 302

    user.refresh_from_db()
    assert (user.name, user.is_active, user.has_usable_password()) == ("", False, False)
    assert user.email == f"{user.pk}@erased.invalid"
    assert not EmailAddress.objects.filter(user=user).exists()
    assert events_of(user) == ["customer.registered.v1", "customer.deactivated.v1", "customer.erased.v1"]
    assert "email" not in OutboxEvent.objects.get(aggregate_id=user.pk, type="customer.erased.v1").payload
    login = {"login": "ada@example.com", "password": PASSWORD}
    assert Client().post("/accounts/login/", login).status_code == 200, "the form again, with its error"


def test_it_is_for_good(staff: Client, make_user: MakeUser) -> None:
    user = make_user()
    staff.post(page(user.pk, "erase"), WHY)
    user.refresh_from_db()

    assert not services.reactivate(user)
    for name in ("reactivate", "erase", "change"):
        assert staff.post(page(user.pk, name), WHY).status_code == 403
    assert personal_data.why_not_erase(user) == "This user is erased already."


def test_orders_stay(staff: Client, store: Store, buyer_id: UUID) -> None:
    order_id = store.pay_order(buyer_id)
    store.advance(order_id, "shipped", "delivered")
    store.note_mail(order_id, "failed", error="550 <bea@example.com>: no such mailbox")
    store.ship_to(order_id)
    store.keep_address(buyer_id)

    assert staff.post(page(buyer_id, "erase"), WHY).status_code == 302

    order = Order.objects.get(pk=order_id)
    assert order.notifications.get().error == ""
    assert order.ships_to is None
    assert not Address.objects.filter(customer=buyer_id).exists()

    assert Order.objects.get(pk=order_id).customer_id == buyer_id
    shown = staff.get(f"/admin/orders/order/{order_id}/change/").content.decode()
    assert "erased.invalid" in shown
    assert "Bea" not in shown


def test_not_while_an_order_is_under_way(staff: Client, store: Store, buyer_id: UUID) -> None:
    store.pay_order(buyer_id)

    answer = staff.post(page(buyer_id, "erase"), WHY)

    assert answer.status_code == 409
    assert "under way" in answer.content.decode()
    assert User.objects.get(pk=buyer_id).name == "Bea Buyer"


def test_staff_are_not_erased(staff: Client, make_user: MakeUser) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    assert staff.post(page(clerk.pk, "erase"), WHY).status_code == 409


def test_the_audit_trail_knows_that_it_happened_and_not_to_whom(staff: Client, make_user: MakeUser) -> None:
    user = make_user()
    profile = {"email": "ada.l@example.com", "name": "Ada King"}
    assert staff.post(page(user.pk, "change"), profile).status_code == 302
    staff.post(page(user.pk, "erase"), WHY)

    entries = AuditEntry.objects.filter(object_id=str(user.pk)).order_by("pk")

    assert [entry.action for entry in entries] == ["changed", "acted"]
    assert "asked by letter" in str(entries[1].changes)
    everything = " ".join(f"{entry.object_name} {entry.changes} {entry.message}" for entry in entries)
    assert "name" in everything
    for personal in ("ada@example.com", "ada.l@example.com", "Ada"):
        assert personal not in everything


@pytest.mark.parametrize(("role", "status"), [("Support", 200), ("Administrator", 200), ("Fulfilment", 403)])
def test_who_may_take_a_copy(client: Client, make_user: MakeUser, role: str, status: int) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    clerk.groups.add(Group.objects.get(name=role))
    client.force_login(clerk)
    assert client.get(page(make_user().pk, "copy")).status_code == status


def test_staff_see_addresses(staff: Client, store: Store, buyer_id: UUID) -> None:
    order_id = store.pay_order(buyer_id)
    store.ship_to(order_id)
    store.keep_address(buyer_id)

    user = staff.get(page(buyer_id, "change")).content.decode()
    order = staff.get(f"/admin/orders/order/{order_id}/change/").content.decode()

    assert "Keizersgracht 1" in user
    assert "1015 CJ Amsterdam" in order
