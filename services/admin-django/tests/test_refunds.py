"""Staff ask to give money back, some of it or all that is left; the worker decides and does it."""

from collections.abc import Callable
from importlib import import_module
from uuid import UUID

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.utils import timezone
from tandem_admin.audit.models import AuditEntry
from tandem_admin.dashboard import figures
from tandem_admin.events.models import OutboxEvent
from tandem_admin.orders import services
from tandem_admin.orders.models import Order, TimelineEntry
from tandem_admin.users import personal_data
from tandem_admin.users.models import User
from tandem_local.databases import Database

from .store import Store

pytestmark = pytest.mark.django_db
REQUESTED = "order.refund_requested.v1"
SPACE = "\N{NO-BREAK SPACE}"


def act(order_id: UUID, name: str = "refund") -> str:
    return f"/admin/orders/order/{order_id}/{name}/"


def ask(staff: Client, order_id: UUID, amount: str = "10.00", reason: str = "arrived broken") -> int:
    return staff.post(act(order_id), {"amount": amount, "reason": reason}).status_code


def requests_of(order_id: UUID) -> list[int]:
    """The versions of the requests for a refund."""
    entries = TimelineEntry.objects.filter(order=order_id, event_type=REQUESTED)
    return list(entries.order_by("version").values_list("version", flat=True))


@pytest.fixture
def order_id(store: Store, customer_id: UUID) -> UUID:
    """A paid order of 29.80 EUR."""
    return store.pay_order(customer_id)


class TestAsking:
    @pytest.mark.parametrize("states", [(), ("shipped",), ("shipped", "delivered")])
    def test_for_a_part_is_an_event_of_the_order(
        self, staff: Client, store: Store, order_id: UUID, states: tuple[str, ...]
    ) -> None:
        store.advance(order_id, *states)
        state = Order.objects.get(pk=order_id).state

        response = staff.post(act(order_id), {"amount": "10.00", "reason": "arrived broken"}, follow=True)

        assert f"Refund of €{SPACE}10.00 requested." in response.content.decode()
        event = OutboxEvent.objects.get(aggregate_id=order_id, type=REQUESTED)
        assert event.payload["amount"] == {"amount": 1000, "currency": "EUR"}
        assert event.payload["reason"] == "arrived broken"
        order = Order.objects.get(pk=order_id)
        assert (order.state, order.refunded_amount, order.refunding_amount) == (state, 0, 0)
        entry = AuditEntry.objects.get(object_id=str(order_id))
        assert entry.changes["amount"] == ["", "10.00"]

    def test_offers_what_is_left(self, staff: Client, store: Store, order_id: UUID) -> None:
        store.refund(order_id, 4, 1000)
        response = staff.get(act(order_id))
        form = response.context["form"]
        assert 'value="19.80"' in response.content.decode()
        assert form["amount"].label == "Amount in EUR"
        assert f"€{SPACE}19.80 of €{SPACE}29.80 is left." in form["amount"].help_text

    @pytest.mark.parametrize(
        ("amount", "error"),
        [
            ("19.81", f"Only €{SPACE}19.80 is left."),
            ("0", "The amount must be above zero."),
            ("-1", "The amount must be above zero."),
            ("1.005", "EUR has 2 decimal places"),
            ("much", "Enter a number."),
            ("", "This field is required."),
        ],
    )
    def test_for_what_cannot_be_is_an_error_of_the_field(
        self, staff: Client, store: Store, order_id: UUID, amount: str, error: str
    ) -> None:
        store.refund(order_id, 4, 1000)
        response = staff.post(act(order_id), {"amount": amount, "reason": "because"})
        assert response.context["form"].errors == {"amount": [error]}
        assert requests_of(order_id) == []

    def test_needs_a_reason(self, staff: Client, order_id: UUID) -> None:
        response = staff.post(act(order_id), {"amount": "1", "reason": ""})
        assert response.context["form"].errors.keys() == {"reason"}
        assert requests_of(order_id) == []

    def test_of_an_order_that_is_cancelled_is_refused_for_that(
        self, staff: Client, store: Store, order_id: UUID
    ) -> None:
        store.refund(order_id, 4, 2980)
        store.advance(order_id, "cancelled")
        response = staff.post(act(order_id), {"amount": "10.00", "reason": "because"})
        assert response.status_code == 409
        assert "An order that is cancelled cannot be refunded" in response.content.decode()

    def test_sees_what_went_back_meanwhile(self, store: Store, order_id: UUID) -> None:
        stale = Order.objects.get(pk=order_id)
        store.refund(order_id, 4, 2000)
        with pytest.raises(services.RequestNotAllowedError, match="Only"), transaction.atomic():
            services.request_refund(stale, amount=981, reason="because")

    def test_needs_the_permission(
        self, client: Client, make_user: Callable[..., User], staff: Client, order_id: UUID
    ) -> None:
        clerk = make_user("clerk@example.com", is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "cancel_order"]))
        client.force_login(clerk)
        assert client.get(act(order_id)).status_code == 403
        assert ask(client, order_id) == 403
        assert requests_of(order_id) == []


class TestAskingAgain:
    def test_is_refused_while_the_first_is_under_way_whatever_else_happens(
        self, staff: Client, store: Store, order_id: UUID
    ) -> None:
        store.refund(order_id, store.ask(order_id, REQUESTED), 1000, confirmed=False)
        store.advance(order_id, "shipped")
        assert ask(staff, order_id) == 409
        assert "/refund/" not in staff.get(act(order_id, "change")).content.decode()

    def test_is_possible_when_the_first_went_back(self, staff: Client, store: Store, order_id: UUID) -> None:
        store.refund(order_id, store.ask(order_id, REQUESTED), 1000)
        assert ask(staff, order_id, "19.80") == 302
        assert len(requests_of(order_id)) == 2

    def test_is_possible_when_the_first_was_refused(self, staff: Client, store: Store, order_id: UUID) -> None:
        store.refuse(order_id, REQUESTED, store.ask(order_id, REQUESTED), left=500)
        assert ask(staff, order_id) == 302

    def test_is_refused_though_something_else_was_refused(self, staff: Client, store: Store, order_id: UUID) -> None:
        shipment = store.ask(order_id, "order.shipment_registered.v1")
        store.ask(order_id, REQUESTED)
        store.refuse(order_id, "order.shipment_registered.v1", shipment, left=0)
        assert ask(staff, order_id) == 409

    def test_to_ship_waits_for_the_shipment_whatever_went_back(
        self, staff: Client, store: Store, order_id: UUID
    ) -> None:
        store.ask(order_id, "order.shipment_registered.v1")
        store.refund(order_id, store.ask(order_id, REQUESTED), 1000)
        assert staff.post(act(order_id, "ship"), {"carrier": "DHL"}).status_code == 409


class TestThePage:
    def test_shows_what_was_captured_what_went_back_and_what_is_left(
        self, staff: Client, store: Store, order_id: UUID
    ) -> None:
        store.refund(order_id, 4, 1000)
        store.refund(order_id, 5, 500, confirmed=False)
        response = staff.get(act(order_id, "change"))
        assert response.context["money"] == [
            ("Captured", f"€{SPACE}29.80"),
            ("Refunded", f"€{SPACE}10.00"),
            ("Being refunded", f"€{SPACE}5.00"),
            ("Left", f"€{SPACE}14.80"),
        ]
        assert [(row["state"], row["amount"]) for row in response.context["refunds"]] == [
            ("Refunded", f"€{SPACE}10.00"),
            ("Unknown", f"€{SPACE}5.00"),
        ]
        page = response.content.decode()
        for text in ("Refunded in part", "Being refunded", f"€{SPACE}14.80", "arrived broken"):
            assert text in page

    def test_says_why_a_request_was_refused(self, staff: Client, store: Store, order_id: UUID) -> None:
        store.refuse(order_id, REQUESTED, 4, left=500)
        page = staff.get(act(order_id, "change")).content.decode()
        for text in ("Request refused", "cause</span> amount", f"left</span> €{SPACE}5.00"):
            assert text in page

    def test_of_an_order_that_was_not_paid_has_nothing_to_say_of_money(
        self, staff: Client, store: Store, customer_id: UUID
    ) -> None:
        response = staff.get(act(store.place_order(customer_id), "change"))
        assert response.context["money"] == []
        assert response.context["refunds"] == []


def test_revenue_is_less_what_went_back(store: Store, customer_id: UUID) -> None:
    before = figures.order_figures(timezone.now()).revenue_today.get("EUR", 0)
    order_id = store.pay_order(customer_id)
    store.refund(order_id, 4, 1000)
    store.refund(order_id, 5, 500, confirmed=False)
    assert figures.order_figures(timezone.now()).revenue_today["EUR"] - before == 1980


def test_a_copy_of_personal_data_has_the_refunds(store: Store, order_id: UUID, customer_id: UUID) -> None:
    store.refund(order_id, 4, 1000)
    copy = personal_data.copy_of(User.objects.get(pk=customer_id))
    (order,) = [order for order in copy["orders"] if order["id"] == order_id]
    assert [(refund["state"], refund["amount"]) for refund in order["refunds"]] == [("refunded", 1000)]


@pytest.mark.parametrize(
    ("state", "attempt", "refunded"),
    [("refunded", "refunded", 2980), ("cancelled", "refunded", 2980), ("shipped", "captured", 0)],
)
def test_orders_from_before_this_release_have_given_back_all_or_nothing(
    store: Store, admin_database: Database, order_id: UUID, state: str, attempt: str, refunded: int
) -> None:
    store.worker.execute("UPDATE orders_order SET state = %s WHERE id = %s", [state, order_id])
    store.worker.execute("UPDATE orders_paymentattempt SET state = %s WHERE order_id = %s", [attempt, order_id])
    migration = import_module("tandem_admin.orders.migrations.0003_refunds")
    with psycopg.connect(admin_database.url()) as owner:
        owner.execute(migration.ALL_OF_IT)
    assert Order.objects.get(pk=order_id).refunded_amount == refunded


def test_no_request_has_two_refunds(store: Store, order_id: UUID) -> None:
    store.refund(order_id, 4, 1000)
    with pytest.raises(psycopg.errors.UniqueViolation):
        store.refund(order_id, 4, 1000)
