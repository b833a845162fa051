"""A change that customers see is an event in the same transaction; any other change is none."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from tandem_admin.catalog import services
from tandem_admin.catalog.models import Category, Product
from tandem_admin.events.models import OutboxEvent
from tandem_admin.inventory.models import Stock
from tandem_admin.money import format_money, from_minor, to_minor

from .conftest import rolled_back

ADD = "/admin/catalog/product/add/"
MakeProduct = Callable[..., Product]


def events_of(product: Product) -> list[str]:
    return list(OutboxEvent.objects.filter(aggregate_id=product.pk).values_list("type", flat=True))


def form_data(category: Category, **changes: str) -> dict[str, str]:
    return {
        "sku": "LAMP",
        "name": "Desk lamp",
        "description": "Bright.",
        "category": str(category.pk),
        "price": "19.99",
        "price_currency": "EUR",
        "status": "published",
    } | changes


@pytest.fixture
def category(db: None) -> Category:
    return Category.objects.create(slug="desk", name="Desk")


class TestTheForm:
    def test_publishes_a_new_product_with_its_price_in_minor_units(self, staff: Client, category: Category) -> None:
        assert staff.post(ADD, form_data(category)).status_code == 302
        product = Product.objects.get(sku="LAMP")
        assert product.price_amount == 1999
        assert product.published_at is not None
        event = OutboxEvent.objects.get(aggregate_id=product.pk)
        assert (event.type, event.version, event.producer) == ("product.published.v1", 1, "tandem_admin")
        assert event.payload == {
            "product_id": str(product.pk),
            "sku": "LAMP",
            "name": "Desk lamp",
            "description": "Bright.",
            "category": "desk",
            "price": {"amount": 1999, "currency": "EUR"},
            "picture": None,
        }

    def test_opens_the_stock_of_a_new_product(self, staff: Client, category: Category) -> None:
        staff.post(ADD, form_data(category, status="draft"))
        assert Stock.objects.get(product__sku="LAMP").available == 0

    def test_shows_the_price_as_people_read_it(self, staff: Client, make_product: MakeProduct) -> None:
        product = make_product(price_amount=120050)
        assert b'value="1200.50"' in staff.get(f"/admin/catalog/product/{product.pk}/change/").content

    @pytest.mark.parametrize(
        ("price", "currency"), [("0", "EUR"), ("-1", "EUR"), ("1.999", "EUR"), ("10.5", "JPY"), ("", "EUR")]
    )
    def test_refuses_a_price_that_nobody_can_pay(
        self, staff: Client, category: Category, price: str, currency: str
    ) -> None:
        response = staff.post(ADD, form_data(category, price=price, price_currency=currency))
        assert response.status_code == 200
        assert response.context["adminform"].form.errors["price"]
        assert not Product.objects.exists()

    def test_changes_the_price_with_one_event(self, staff: Client, make_product: MakeProduct) -> None:
        product = make_product(status="published")
        url = f"/admin/catalog/product/{product.pk}/change/"
        data = form_data(product.category, name="Mug", description="", price="15.50")
        assert staff.post(url, data).status_code == 302
        assert events_of(product) == ["product.published.v1", "product.changed.v1"]
        assert OutboxEvent.objects.get(aggregate_id=product.pk, version=2).payload["price"]["amount"] == 1550

    def test_states_nothing_when_nothing_changed(self, staff: Client, make_product: MakeProduct) -> None:
        product = make_product(status="published")
        data = form_data(product.category, name="Mug", description="", price="14.90")
        staff.post(f"/admin/catalog/product/{product.pk}/change/", data)
        assert events_of(product) == ["product.published.v1"]


class TestTheServices:
    def test_a_draft_is_nobodys_news(self, make_product: MakeProduct) -> None:
        product = make_product(status="draft")
        product.name = "Cup"
        services.save_product(product)
        assert events_of(product) == []

    def test_archiving_and_publishing_again_are_stated(self, make_product: MakeProduct) -> None:
        product = make_product(status="published")
        assert services.archive_products([product.pk]) == [product]
        assert services.publish_products([product.pk]) == [product]
        assert events_of(product) == ["product.published.v1", "product.archived.v1", "product.published.v1"]

    def test_bulk_publishing_states_each_product_that_was_not_published(self, make_product: MakeProduct) -> None:
        draft, published = make_product("A"), make_product("B", status="published")
        assert services.publish_products([draft.pk, published.pk]) == [draft]
        assert events_of(draft) == ["product.published.v1"]
        assert events_of(published) == ["product.published.v1"]

    def test_nothing_is_left_of_what_is_rolled_back(self, make_product: MakeProduct) -> None:
        product = make_product(status="published")
        product.name = "Cup"
        with rolled_back():
            services.save_product(product)
            assert events_of(product) == ["product.published.v1", "product.changed.v1"]
        assert Product.objects.get(pk=product.pk).name == "Mug"
        assert events_of(product) == ["product.published.v1"]


def test_the_bulk_actions_publish_and_archive(staff: Client, make_product: MakeProduct) -> None:
    product = make_product()
    for action, status in (("publish", "published"), ("archive", "archived")):
        data = {"action": action, "_selected_action": str(product.pk)}
        assert staff.post("/admin/catalog/product/", data).status_code == 302
        assert Product.objects.get(pk=product.pk).status == status
    assert events_of(product) == ["product.published.v1", "product.archived.v1"]


def test_a_product_cannot_be_deleted(staff: Client, make_product: MakeProduct) -> None:
    assert staff.post(f"/admin/catalog/product/{make_product().pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_list_asks_the_same_number_of_queries_however_long_it_is(
    staff: Client, make_product: MakeProduct, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        make_product(f"SKU-{number}")
    with django_assert_max_num_queries(9):
        assert staff.get("/admin/catalog/product/").status_code == 200


@pytest.mark.parametrize(
    ("minor", "currency", "decimal", "text"),
    [(1999, "EUR", "19.99", "€ 19.99"), (123450, "USD", "1234.50", "$ 1,234.50"), (500, "JPY", "500", "¥ 500")],
)
def test_money_goes_to_people_and_back(minor: int, currency: str, decimal: str, text: str) -> None:
    assert from_minor(minor, currency) == Decimal(decimal)
    assert to_minor(Decimal(decimal), currency) == minor
    assert format_money(minor, currency).replace("\N{NO-BREAK SPACE}", " ") == text
