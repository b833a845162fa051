"""Staff see what became of mails to customers, and have one sent again."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.test import Client
from tandem_admin.audit.models import AuditEntry
from tandem_admin.notifications.models import Notification
from tandem_admin.users.models import User
from tandem_local.databases import Database

from .store import Store

pytestmark = pytest.mark.django_db


def page(mail_id: UUID, name: str) -> str:
    return f"/admin/notifications/notification/{mail_id}/{name}/"


def test_the_list_tells_why_a_mail_failed(staff: Client, store: Store, customer_id: UUID) -> None:
    order_id = store.pay_order(customer_id)
    store.note_mail(order_id, "failed", error="550 mailbox is gone")

    listed = staff.get("/admin/notifications/notification/", {"q": str(order_id)}).content.decode()

    assert "550 mailbox is gone" in listed
    assert "Failed" in listed


@pytest.mark.parametrize("state", ["failed", "skipped", "sent"])
def test_a_mail_can_be_sent_again_and_that_is_on_record(
    staff: Client, store: Store, customer_id: UUID, state: str
) -> None:
    mail_id = store.note_mail(store.pay_order(customer_id), state, error="550 no")
    before = Notification.objects.get(pk=mail_id).wanted_at

    assert staff.post(page(mail_id, "resend")).status_code == 302

    mail = Notification.objects.get(pk=mail_id)
    assert (mail.state, mail.edition, mail.attempts, mail.error) == ("pending", 2, 0, "")
    assert mail.wanted_at > before, "else it might be too old at once"
    assert AuditEntry.objects.filter(object_id=str(mail_id), message__startswith="Send again").count() == 1


def test_a_mail_that_waits_is_not_asked_for_twice(staff: Client, store: Store, customer_id: UUID) -> None:
    mail_id = store.note_mail(store.pay_order(customer_id), "failed")
    staff.post(page(mail_id, "resend"))

    again = staff.post(page(mail_id, "resend"))

    assert again.status_code == 409
    assert Notification.objects.get(pk=mail_id).edition == 2


@pytest.mark.parametrize("column", ["is_active = false", "is_active = false, erased_at = now()"])
def test_nobody_has_mails_sent_to_those_who_left(
    staff: Client, store: Store, admin_database: Database, column: str
) -> None:
    with psycopg.connect(admin_database.url("tandem_admin")) as connection:
        row = connection.execute(
            "INSERT INTO users_user (email, password, is_superuser)"
            " VALUES ('left-' || uuidv7() || '@example.com', '', false) RETURNING id"
        ).fetchone()
        assert row
        connection.execute(f"UPDATE users_user SET {column} WHERE id = %s".encode(), [row[0]])
        connection.commit()
    mail_id = store.note_mail(store.pay_order(row[0]), "failed")

    assert staff.post(page(mail_id, "resend")).status_code == 409


@pytest.mark.parametrize(("role", "status"), [("Support", 302), ("Auditor", 403), ("Fulfilment", 403)])
def test_who_may_have_mails_sent_again(
    client: Client, make_user: Callable[..., User], store: Store, customer_id: UUID, role: str, status: int
) -> None:
    mail_id = store.note_mail(store.pay_order(customer_id), "failed")
    clerk = make_user("clerk@example.com", is_staff=True)
    clerk.groups.add(Group.objects.get(name=role))
    client.force_login(clerk)

    assert client.post(page(mail_id, "resend")).status_code == status
