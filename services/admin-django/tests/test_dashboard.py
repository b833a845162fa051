"""The first page: figures that are right, each a link to what it counts, for those who may see it."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from tandem_admin.catalog.models import Product
from tandem_admin.dashboard import figures
from tandem_admin.dashboard.cards import Card
from tandem_admin.database.columns import first_id_at
from tandem_admin.inventory.services import receive
from tandem_admin.orders.models import Order, State
from tandem_admin.users.models import User

from .store import Store

MakeUser = Callable[..., User]
MakeProduct = Callable[..., Product]


def cards(client: Client) -> dict[str, Card]:
    return {card.title: card for card in client.get("/admin/").context["dashboard"].cards}


@pytest.mark.django_db
def test_orders_and_revenue_of_today_lead_to_the_lists_they_count(
    staff: Client, store: Store, customer_id: UUID
) -> None:
    before = figures.order_figures(timezone.now())
    paid, placed = store.pay_order(customer_id), store.place_order(customer_id)

    after = figures.order_figures(timezone.now())

    assert after.today - before.today == 2
    assert after.of_state(State.PAID)[-1] - before.of_state(State.PAID)[-1] == 1
    assert after.revenue_today["EUR"] - before.revenue_today.get("EUR", 0) == 2980
    shown = cards(staff)
    assert shown["Orders today"].value == f"{after.today:,}"
    for card, listed in (("Orders today", {paid, placed}), ("Revenue today", {paid}), ("To ship", {paid})):
        page = staff.get(shown[card].url)
        assert page.status_code == 200
        found = {order.pk for order in page.context["cl"].queryset}
        assert listed <= found, card
        assert card == "Orders today" or placed not in found, card


def test_stock_that_runs_out_is_that_of_products_in_the_store(staff: Client, make_product: MakeProduct) -> None:
    make_product("SOLD-OUT", "published")
    make_product("DRAFT")
    receive(make_product("PLENTY", "published"), 100)

    page = staff.get("/admin/")

    skus = [stock.pk for stock in page.context["dashboard"].scarce]
    assert "SOLD-OUT" in skus
    assert not {"DRAFT", "PLENTY"} & set(skus)
    low = staff.get(cards(staff)["Running out"].url).context["cl"].queryset
    assert {stock.pk for stock in low} == {stock.pk for stock in figures.running_out()[0]}


@pytest.mark.parametrize(
    ("group", "titles"),
    [
        ("Catalogue editor", {"Running out"}),
        ("Fulfilment", {"Orders today", "Revenue today", "To ship", "Running out"}),
        (
            "Auditor",
            {"Orders today", "Revenue today", "To ship", "Running out", "Oldest in the outbox", "Dead letters"},
        ),
        (None, set()),
    ],
)
def test_who_may_not_see_something_gets_no_figure_of_it(
    client: Client, make_user: MakeUser, group: str | None, titles: set[str]
) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    if group:
        clerk.groups.add(Group.objects.get(name=group))
    client.force_login(clerk)

    assert cards(client).keys() == titles


def test_it_asks_the_database_a_bounded_number_of_times(
    staff: Client, make_product: MakeProduct, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        make_product(f"P-{number}", "published")

    with django_assert_max_num_queries(11):
        staff.get("/admin/")


def test_ids_of_a_moment_bound_those_made_then(staff: Client, store: Store, customer_id: UUID) -> None:
    moment = timezone.now()
    store.worker.execute("SELECT pg_sleep(0.01)")
    row = store.api.execute(
        "INSERT INTO orders_order (customer_id, total_amount, total_currency, payment_token)"
        " VALUES (%s, 1, 'EUR', 'tok_visa') RETURNING id",
        [customer_id],
    ).fetchone()
    assert row
    later = datetime(2100, 1, 1, tzinfo=UTC)

    assert first_id_at(moment) < row[0] < first_id_at(later)
    assert Order.objects.placed_since(moment).filter(pk=row[0]).exists()
    assert first_id_at(moment).version == 7
