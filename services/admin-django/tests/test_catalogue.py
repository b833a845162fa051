"""Categories, what is scheduled, and what things have cost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.db.models import ProtectedError, QuerySet
from django.test import Client
from django.utils import timezone
from tandem_admin.catalog import services
from tandem_admin.catalog.models import Category, PriceChange, Product
from tandem_admin.events.models import OutboxEvent

ADD = "/admin/catalog/category/add/"
MakeProduct = Callable[..., Product]


def events_of(obj: Category | Product) -> list[tuple[str, int]]:
    return list(OutboxEvent.objects.filter(aggregate_id=obj.pk).order_by("version").values_list("type", "version"))


def page(product: Product) -> str:
    return f"/admin/catalog/product/{product.pk}/change/"


def form_data(product: Product, **changes: str) -> dict[str, str]:
    return {
        "name": product.name,
        "description": "",
        "category": str(product.category_id),
        "price": "14.90",
        "price_currency": "EUR",
        "status": product.status,
    } | changes


def in_an_hour() -> dict[str, str]:
    at = timezone.now() + timedelta(hours=1)
    return {"publish_at_0": at.strftime("%Y-%m-%d"), "publish_at_1": at.strftime("%H:%M:%S")}


class TestCategories:
    def test_every_change_is_an_event(self, staff: Client) -> None:
        staff.post(ADD, {"slug": "desk", "name": "Desk", "position": "3"})
        category = Category.objects.get(slug="desk")
        url = f"/admin/catalog/category/{category.pk}"
        staff.post(f"{url}/change/", {"name": "Desks", "position": "3"})
        staff.post(f"{url}/change/", {"name": "Desks", "position": "3"})

        assert events_of(category) == [("category.changed.v1", 1), ("category.changed.v1", 2)]
        assert OutboxEvent.objects.get(aggregate_id=category.pk, version=2).payload == {
            "category_id": str(category.pk),
            "slug": "desk",
            "name": "Desks",
            "position": 3,
        }

        staff.post(f"{url}/delete/", {"post": "yes"})

        assert not Category.objects.filter(slug="desk").exists()
        assert events_of(category)[-1] == ("category.removed.v1", 3)

    def test_of_many_that_are_removed_each_is_an_event(self, staff: Client, db: None) -> None:
        made = [Category(slug=f"shelf-{number}", name=f"Shelf {number}") for number in range(3)]
        for category in made:
            services.save_category(category)

        staff.post(
            "/admin/catalog/category/",
            {"action": "delete_selected", "_selected_action": [each.pk for each in made], "post": "yes"},
        )

        assert [events_of(category)[-1] for category in made] == [("category.removed.v1", 2)] * 3

    def test_one_with_products_stays(self, make_product: MakeProduct) -> None:
        category = make_product().category
        with pytest.raises(ProtectedError), transaction.atomic():
            services.remove_category(category)
        assert "category.removed.v1" not in dict(events_of(category))


class TestScheduling:
    def test_a_product_comes_into_the_store_when_its_time_has_come(
        self, staff: Client, make_product: MakeProduct
    ) -> None:
        product = make_product()
        assert staff.post(page(product), form_data(product, status="scheduled", **in_an_hour())).status_code == 302
        call_command("publish_scheduled")
        product.refresh_from_db()
        assert (product.status, events_of(product)) == ("scheduled", [])

        Product.objects.filter(pk=product.pk).update(publish_at=timezone.now())
        call_command("publish_scheduled")
        call_command("publish_scheduled")

        product.refresh_from_db()
        assert (product.status, product.publish_at) == ("published", None)
        assert product.published_at is not None
        assert events_of(product) == [("product.published.v1", 1)]

    @pytest.mark.parametrize(
        ("time", "complaint"),
        [
            ({}, "Say when"),
            ({"publish_at_0": "2020-01-01", "publish_at_1": "12:00"}, "has passed"),
            ({"publish_at_0": "soon", "publish_at_1": "12:00"}, "valid date"),
        ],
    )
    def test_a_time_is_needed_that_is_to_come(
        self, staff: Client, make_product: MakeProduct, time: dict[str, str], complaint: str
    ) -> None:
        product = make_product()
        answer = staff.post(page(product), form_data(product, status="scheduled", **time))
        assert complaint in str(answer.context["adminform"].form.errors["publish_at"])

    def test_whoever_changes_the_plan_leaves_no_time_behind(self, staff: Client, make_product: MakeProduct) -> None:
        product = make_product()
        staff.post(page(product), form_data(product, status="scheduled", **in_an_hour()))
        staff.post(page(product), form_data(product, status="draft", **in_an_hour()))
        product.refresh_from_db()
        assert (product.status, product.publish_at) == ("draft", None)


class TestPrices:
    def test_what_it_has_cost_can_be_seen(self, staff: Client, make_product: MakeProduct) -> None:
        product = make_product()
        staff.post(page(product), form_data(product, price="15.90"))
        staff.post(page(product), form_data(product, price="15.90", name="Large mug"))

        known = product.price_changes.order_by("pk").values_list("amount", "currency")
        assert list(known) == [(1490, "EUR"), (1590, "EUR")]
        shown = staff.get(page(product)).content.decode()
        assert "\N{EURO SIGN}\N{NO-BREAK SPACE}14.90 since" in shown

    @pytest.mark.parametrize("tamper", [lambda prices: prices.update(amount=1), lambda prices: prices.delete()])
    def test_nobody_changes_what_was(
        self, make_product: MakeProduct, tamper: Callable[[QuerySet[PriceChange]], int]
    ) -> None:
        prices = PriceChange.objects.filter(product=make_product())
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            tamper(prices)
