"""The pages for webhooks: endpoints that staff keep for partners, and what became of each message."""

import re
from collections.abc import Callable

import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from django.db import ProgrammingError, transaction
from django.test import Client
from pydantic import ValidationError
from pytest_django import DjangoAssertNumQueries
from tandem_admin.audit.models import AuditEntry
from tandem_admin.environment import Settings
from tandem_admin.identity.clients import register_partner
from tandem_admin.users.models import User
from tandem_admin.webhooks.models import Delivery, DeliveryRequest, Endpoint, SigningSecret
from tandem_local.databases import Database

from .partners import Partners

ENDPOINTS, DELIVERIES = "/admin/webhooks/endpoint/", "/admin/webhooks/delivery/"
URL = "https://hooks.partner.example/tandem"


@pytest.fixture
def partners(admin_database: Database, db: None) -> Partners:
    return Partners(admin_database)


@pytest.fixture
def parcels(db: None) -> OAuthClient:
    client, _ = register_partner("Parcels", ["webhooks:manage", "orders:status"])
    return client


def add(staff: Client, parcels: OAuthClient, **changes: object) -> str:
    """Fill in the form; returns the page that follows."""
    data = {"client": parcels.pk, "url": URL, "description": "", "event_types": ["order.paid.v1"], **changes}
    return staff.post(f"{ENDPOINTS}add/", data, follow=True).content.decode()


def entry_of(obj: Endpoint | Delivery) -> AuditEntry:
    return AuditEntry.objects.filter(object_id=str(obj.pk)).latest("pk")


class TestAnEndpoint:
    def test_that_staff_make_tells_its_secret_once_and_to_no_trail(self, staff: Client, parcels: OAuthClient) -> None:
        page = add(staff, parcels)
        (secret,) = re.findall(r"whsec_[A-Za-z0-9+/]{43}=", page)
        endpoint = Endpoint.objects.get(client=parcels)
        assert endpoint.event_types == ["order.paid.v1"]
        assert secret not in staff.get(f"{ENDPOINTS}{endpoint.pk}/change/").content.decode()
        entry = entry_of(endpoint)
        assert entry.action == "added"
        assert secret not in f"{entry.changes} {entry.message}"

    def test_has_a_secret_that_the_back_office_cannot_read(self, staff: Client, parcels: OAuthClient) -> None:
        add(staff, parcels)
        secret = SigningSecret.objects.get(endpoint__client=parcels)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            str(secret.secret)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"url": "http://hooks.partner.example/"}, "must begin with https://"),
            ({"url": "https://10.0.0.8/"}, "reachable from the internet"),
            ({"event_types": []}, "required"),
            ({"event_types": ["product.published.v1"]}, "do not allow product.published.v1"),
            ({"event_types": ["order.refund_requested.v1"]}, "not one of the available choices"),
        ],
    )
    def test_that_may_not_be_is_refused(
        self, staff: Client, parcels: OAuthClient, changes: dict[str, object], told: str
    ) -> None:
        assert told in add(staff, parcels, **changes)
        assert not Endpoint.objects.filter(client=parcels).exists()

    def test_is_changed_but_for_its_partner(self, staff: Client, parcels: OAuthClient, partners: Partners) -> None:
        endpoint = partners.endpoint()
        data = {"client": parcels.pk, "url": f"{URL}/2", "description": "x", "event_types": ["order.placed.v1"]}
        assert staff.post(f"{ENDPOINTS}{endpoint.pk}/change/", data).status_code == 302
        changed = Endpoint.objects.get(pk=endpoint.pk)
        assert (changed.url, changed.event_types) == (f"{URL}/2", ["order.placed.v1"])
        assert changed.client_id == endpoint.client_id
        assert entry_of(endpoint).changes["event_types"] == ["order.paid.v1", "order.placed.v1"]

    def test_is_disabled_and_enabled_with_a_reason(self, staff: Client, partners: Partners) -> None:
        endpoint = partners.endpoint()
        staff.post(f"{ENDPOINTS}{endpoint.pk}/disable/", {"reason": "they asked us to"})
        off = Endpoint.objects.get(pk=endpoint.pk)
        assert (off.state, off.disabled_reason, off.is_held) == ("disabled", "they asked us to", True)
        assert off.disabled_at
        assert "they asked us to" in str(entry_of(endpoint).changes)

        assert staff.post(f"{ENDPOINTS}{endpoint.pk}/enable/", {"why": ""}).status_code == 200
        staff.post(f"{ENDPOINTS}{endpoint.pk}/enable/", {"why": "they are back"})
        on = Endpoint.objects.get(pk=endpoint.pk)
        assert (on.state, on.disabled_reason, on.disabled_at, on.is_held) == ("enabled", "", None, False)
        assert "they are back" in str(entry_of(endpoint).changes)

    def test_gets_a_new_secret_beside_the_former(self, staff: Client, partners: Partners) -> None:
        endpoint = partners.endpoint()
        page = staff.post(f"{ENDPOINTS}{endpoint.pk}/rotate/", {"former_valid_hours": "2"}, follow=True)
        (secret,) = re.findall(r"whsec_[A-Za-z0-9+/]{43}=", page.content.decode())
        newest, former = SigningSecret.objects.filter(endpoint=endpoint)
        assert newest.expires_at is None
        assert former.expires_at is not None
        assert secret not in f"{entry_of(endpoint).changes} {entry_of(endpoint).message}"

    def test_gets_a_test_event_on_request(self, staff: Client, superuser: User, partners: Partners) -> None:
        endpoint = partners.endpoint()
        staff.post(f"{ENDPOINTS}{endpoint.pk}/test/")
        request = DeliveryRequest.objects.get(endpoint=endpoint)
        assert (request.delivery, request.requested_by) == (None, superuser.email)

    def test_is_listed_with_its_partner_state_and_failures_in_few_queries(
        self, staff: Client, partners: Partners, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(8):
            endpoint = partners.endpoint()
            partners.deliver(endpoint)
            partners.deliver(endpoint, state="pending")
        partners.sql("UPDATE webhooks_endpoint SET failing_since = now() WHERE id = %s", endpoint.pk)
        with django_assert_max_num_queries(10):
            page = staff.get(ENDPOINTS).content.decode()
        assert "Parcels" in page
        assert "Failing" in page

    def test_that_the_partner_deleted_is_not_shown(self, staff: Client, partners: Partners) -> None:
        endpoint = partners.endpoint()
        partners.sql("UPDATE webhooks_endpoint SET deleted_at = now() WHERE id = %s", endpoint.pk)
        assert staff.get(f"{ENDPOINTS}{endpoint.pk}/change/").status_code == 302

    def test_is_found_from_the_clients_page(self, staff: Client, partners: Partners) -> None:
        endpoint = partners.endpoint()
        page = staff.get(f"/admin/allauth_idp_oidc/client/{endpoint.client_id}/change/").content.decode()
        link = f"{ENDPOINTS}?client__id__exact={endpoint.client_id}"
        assert link in page
        listed = staff.get(link).content.decode()
        assert listed.count(f"{ENDPOINTS}{endpoint.pk}/change/") == 1


class TestADelivery:
    def test_shows_its_message_and_attempts(self, staff: Client, partners: Partners) -> None:
        delivery = partners.deliver(partners.endpoint())
        page = staff.get(f"{DELIVERIES}{delivery.pk}/change/").content.decode()
        for shown in ("not today", str(delivery.event_id), "12 ms", "Parcels"):
            assert shown in page

    def test_is_listed_and_found_in_few_queries(
        self, staff: Client, partners: Partners, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        endpoint = partners.endpoint()
        deliveries = [partners.deliver(endpoint) for _ in range(12)]
        with django_assert_max_num_queries(10):
            page = staff.get(f"{DELIVERIES}?endpoint__id__exact={endpoint.pk}").content.decode()
        assert all(str(delivery.pk) in page for delivery in deliveries)
        for term in (deliveries[3].event_id, deliveries[3].aggregate_id, deliveries[3].pk):
            found = staff.get(DELIVERIES, {"q": str(term)}).content.decode()
            assert str(deliveries[3].pk) in found
            assert str(deliveries[4].pk) not in found
        filtered = staff.get(
            f"{DELIVERIES}?state__exact=delivered&type=order.paid.v1&endpoint__id__exact={endpoint.pk}"
        )
        assert str(deliveries[0].pk) not in filtered.content.decode()

    def test_is_asked_for_again_once_and_with_a_reason(
        self, staff: Client, superuser: User, partners: Partners
    ) -> None:
        delivery = partners.deliver(partners.endpoint())
        path = f"{DELIVERIES}{delivery.pk}/resend/"
        assert staff.post(path, {"why": ""}).status_code == 200
        assert staff.post(path, {"why": "they lost it"}).status_code == 302
        assert staff.post(path, {"why": "again"}).status_code == 409
        (request,) = DeliveryRequest.objects.filter(delivery=delivery)
        assert (request.requested_by, request.why) == (superuser.email, "they lost it")
        entry = entry_of(delivery)
        assert entry.message == "Resend: It will be sent again within seconds."
        assert "they lost it" in str(entry.changes)

    def test_that_is_going_to_be_sent_is_not_asked_for(self, staff: Client, partners: Partners) -> None:
        delivery = partners.deliver(partners.endpoint(), state="pending")
        assert staff.post(f"{DELIVERIES}{delivery.pk}/resend/", {"why": "now"}).status_code == 409
        assert not DeliveryRequest.objects.filter(delivery=delivery).exists()

    def test_with_others_is_asked_for_behind_a_confirmation(self, staff: Client, partners: Partners) -> None:
        endpoint, off = partners.endpoint(), partners.endpoint()
        partners.sql(
            "UPDATE webhooks_endpoint SET state = 'disabled', disabled_at = now(), disabled_reason = 'x' WHERE id = %s",
            off.pk,
        )
        failed = [partners.deliver(endpoint) for _ in range(3)]
        others = [partners.deliver(endpoint, state="pending"), partners.deliver(off)]
        data = {"action": "resend", "_selected_action": [str(each.pk) for each in (*failed, *others)]}
        asking = staff.post(DELIVERIES, data)
        assert "2 of the selected are left out" in asking.content.decode()
        assert not DeliveryRequest.objects.filter(endpoint=endpoint).exists()

        staff.post(DELIVERIES, data | {"why": "their disk was full"})

        asked = DeliveryRequest.objects.filter(endpoint__in=[endpoint, off])
        assert {request.delivery_id for request in asked} == {delivery.pk for delivery in failed}
        for delivery in failed:
            assert entry_of(delivery).message == "Resend: their disk was full"

    def test_that_goes_back_is_the_right_of_some(
        self, client: Client, make_user: Callable[..., User], partners: Partners
    ) -> None:
        delivery = partners.deliver(partners.endpoint())
        client.force_login(make_user("clerk@example.com", is_staff=True))
        assert client.post(f"{DELIVERIES}{delivery.pk}/resend/", {"why": "x"}).status_code == 403
        assert not DeliveryRequest.objects.filter(delivery=delivery).exists()


def test_production_does_not_boot_with_addresses_of_this_machine() -> None:
    with pytest.raises(ValidationError, match="TANDEM_WEBHOOKS_ALLOW_LOOPBACK"):
        Settings(environment="production", webhooks_allow_loopback=True)
