"""Staff read orders and ask; the state is the worker's."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from tandem_admin.events.models import OutboxEvent
from tandem_admin.orders import services
from tandem_admin.orders.models import Order, TimelineEntry
from tandem_admin.users.models import User

from .store import TRACEPARENT, Store

pytestmark = pytest.mark.django_db
PARCEL = {"carrier": "DHL", "tracking_number": "JD01"}
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def act(order_id: UUID, name: str) -> str:
    return f"/admin/orders/order/{order_id}/{name}/"


def requests_of(order_id: UUID) -> list[str]:
    return list(TimelineEntry.objects.filter(order=order_id, state=None).values_list("event_type", flat=True))


class TestThePage:
    def test_shows_what_happened(self, staff: Client, store: Store, customer_id: UUID) -> None:
        page = staff.get(act(store.pay_order(customer_id), "change")).content.decode()
        for text in ("Placed by the customer", "Stock reserved", "€\N{NO-BREAK SPACE}29.80", "grace@example.com"):
            assert text in page
        for text in ("Mug", "ch_123", TRACEPARENT.split("-")[1]):
            assert text in page

    def test_offers_what_the_state_allows(self, staff: Client, store: Store, customer_id: UUID) -> None:
        page = staff.get(act(store.pay_order(customer_id), "change")).content.decode()
        assert "/ship/" in page
        assert "/refund/" in page
        assert "/deliver/" not in page

    def test_cannot_be_posted_to(self, staff: Client, store: Store, customer_id: UUID) -> None:
        order_id = store.place_order(customer_id)
        assert staff.post(act(order_id, "change"), {"state": "paid"}).status_code == 403
        assert staff.post(act(order_id, "delete"), {"post": "yes"}).status_code == 403
        assert staff.post("/admin/orders/order/add/", {}).status_code == 403

    def test_is_found_by_id_and_by_email(self, staff: Client, store: Store, customer_id: UUID) -> None:
        order_id = store.place_order(customer_id)
        for term in (str(order_id), "grace@"):
            assert str(order_id) in staff.get("/admin/orders/order/", {"q": term}).content.decode()
        assert str(order_id) not in staff.get("/admin/orders/order/", {"q": "nobody@"}).content.decode()

    def test_list_asks_no_query_per_order(
        self, staff: Client, store: Store, customer_id: UUID, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(10):
            store.place_order(customer_id)
        with django_assert_max_num_queries(9):
            assert staff.get("/admin/orders/order/").status_code == 200


class TestShipping:
    def test_appends_the_request_and_leaves_the_state(self, staff: Client, store: Store, customer_id: UUID) -> None:
        order_id = store.pay_order(customer_id)
        response = staff.post(act(order_id, "ship"), PARCEL, headers={"traceparent": CALLER}, follow=True)
        assert "Shipment registered by staff" in response.content.decode()
        event = OutboxEvent.objects.get(aggregate_id=order_id, type="order.shipment_registered.v1")
        assert event.payload == {"order_id": str(order_id), "customer_id": str(customer_id)} | PARCEL
        assert event.headers["traceparent"].split("-")[1] == CALLER.split("-")[1]
        entry = TimelineEntry.objects.get(order=order_id, version=event.version)
        assert (entry.state, entry.event_type, entry.payload) == (None, event.type, event.payload)
        assert entry.traceparent == event.headers["traceparent"]
        assert Order.objects.get(pk=order_id).state == "paid"

    def test_is_refused_before_the_order_is_paid(self, staff: Client, store: Store, customer_id: UUID) -> None:
        order_id = store.place_order(customer_id)
        response = staff.post(act(order_id, "ship"), PARCEL)
        assert response.status_code == 409
        assert "An order that is placed cannot be shipped; it must be paid." in response.content.decode()
        assert requests_of(order_id) == []
        assert not OutboxEvent.objects.filter(aggregate_id=order_id, type="order.shipment_registered.v1").exists()

    def test_twice_is_refused_while_the_first_is_under_way(
        self, staff: Client, store: Store, customer_id: UUID
    ) -> None:
        order_id = store.pay_order(customer_id)
        staff.post(act(order_id, "ship"), PARCEL)
        assert staff.post(act(order_id, "ship"), PARCEL).status_code == 409
        assert requests_of(order_id) == ["order.shipment_registered.v1"]

    def test_sees_what_the_worker_committed_meanwhile(self, store: Store, customer_id: UUID) -> None:
        order_id = store.pay_order(customer_id)
        stale = Order.objects.get(pk=order_id)
        store.advance(order_id, "cancelled")
        with pytest.raises(services.RequestNotAllowedError, match="is cancelled"), transaction.atomic():
            services.register_shipment(stale, carrier="DHL")

    def test_needs_a_carrier(self, staff: Client, store: Store, customer_id: UUID) -> None:
        order_id = store.pay_order(customer_id)
        assert staff.post(act(order_id, "ship"), {"carrier": ""}).context["form"].errors["carrier"]
        assert requests_of(order_id) == []

    def test_does_not_happen_by_looking_at_the_form(self, staff: Client, store: Store, customer_id: UUID) -> None:
        order_id = store.pay_order(customer_id)
        assert staff.get(act(order_id, "ship")).status_code == 200
        assert requests_of(order_id) == []


@pytest.mark.parametrize(
    ("name", "states", "data", "event_type"),
    [
        ("deliver", ("shipped",), {}, "order.delivery_registered.v1"),
        ("cancel", (), {"reason": "asked by phone"}, "order.cancellation_requested.v1"),
    ],
)
def test_each_request_is_an_event_of_the_order(
    staff: Client,
    store: Store,
    customer_id: UUID,
    name: str,
    states: tuple[str, ...],
    data: dict[str, str],
    event_type: str,
) -> None:
    order_id = store.pay_order(customer_id)
    store.advance(order_id, *states)
    assert staff.post(act(order_id, name), data).status_code == 302
    assert requests_of(order_id) == [event_type]
    payload = OutboxEvent.objects.get(aggregate_id=order_id, type=event_type).payload
    assert data.items() <= payload.items()


def test_each_request_needs_its_permission(
    client: Client, store: Store, customer_id: UUID, make_user: Callable[..., User]
) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "ship_order"]))
    client.force_login(clerk)
    order_id = store.pay_order(customer_id)
    assert client.get(act(order_id, "ship")).status_code == 200
    for name in ("cancel", "refund"):
        assert client.post(act(order_id, name), {"reason": "because"}).status_code == 403
    assert "/cancel/" not in client.get(act(order_id, "change")).content.decode()
    assert requests_of(order_id) == []


def test_customers_have_no_business_in_the_admin(
    client: Client, store: Store, customer_id: UUID, make_user: Callable[..., User]
) -> None:
    client.force_login(make_user())
    response = client.post(act(store.pay_order(customer_id), "ship"), PARCEL)
    assert response.status_code == 302
    assert response.url.startswith("/admin/login/")  # type: ignore[attr-defined]
