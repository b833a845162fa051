"""The ledger sums to the balance, and every change is an event."""

from collections.abc import Callable

import pytest
from django.db.models import Sum
from django.test import Client
from tandem_admin.catalog.models import Product
from tandem_admin.events.models import OutboxEvent
from tandem_admin.inventory import services
from tandem_admin.inventory.models import Stock, StockMovement

MakeProduct = Callable[..., Product]


def ledger_sum(product: Product) -> int:
    return StockMovement.objects.filter(stock__product=product).aggregate(sum=Sum("available_change"))["sum"] or 0


def test_the_ledger_sums_to_the_balance(make_product: MakeProduct) -> None:
    product = make_product()
    services.receive(product, 10)
    services.receive(product, 5, "second delivery")
    assert services.correct(product, -3, "broken") == 12
    assert Stock.objects.get(product=product).available == 12 == ledger_sum(product)


def test_an_arrival_is_stated_with_what_is_available_then(make_product: MakeProduct) -> None:
    product = make_product()
    services.receive(product, 10)
    services.receive(product, 5)
    events = OutboxEvent.objects.filter(aggregate_type="stock", aggregate_id=product.pk)
    assert [(e.type, e.payload["quantity"], e.payload["available"]) for e in events] == [
        ("stock.received.v1", 10, 10),
        ("stock.received.v1", 5, 15),
    ]


def test_no_more_can_be_missing_than_is_available(make_product: MakeProduct) -> None:
    product = make_product()
    services.receive(product, 2)
    with pytest.raises(services.NotEnoughStockError):
        services.correct(product, -3, "miscounted")
    assert Stock.objects.get(product=product).available == 2 == ledger_sum(product)


class TestThePages:
    def test_an_arrival_is_booked(self, staff: Client, make_product: MakeProduct) -> None:
        make_product("MUG-1")
        response = staff.post("/admin/inventory/stock/MUG-1/receive/", {"quantity": "7", "note": "DN 12"}, follow=True)
        assert "7 pieces of Mug booked in" in response.content.decode()
        assert StockMovement.objects.get(stock="MUG-1").note == "DN 12"

    def test_a_correction_needs_a_reason(self, staff: Client, make_product: MakeProduct) -> None:
        make_product("MUG-1")
        response = staff.post("/admin/inventory/stock/MUG-1/correct/", {"difference": "7", "reason": ""})
        assert response.context["form"].errors["reason"]
        assert not StockMovement.objects.exists()

    def test_an_impossible_correction_is_refused_with_the_reason(
        self, staff: Client, make_product: MakeProduct
    ) -> None:
        make_product("MUG-1")
        response = staff.post("/admin/inventory/stock/MUG-1/correct/", {"difference": "-7", "reason": "lost"})
        assert response.status_code == 409
        assert "Fewer than 7 pieces of MUG-1 are available." in response.content.decode()
        assert not StockMovement.objects.exists()
        assert not OutboxEvent.objects.filter(aggregate_type="stock").exists()

    @pytest.mark.parametrize("page", ["stock/MUG-1/change/", "stockmovement/add/", "stock/add/"])
    def test_balance_and_ledger_cannot_be_edited(self, staff: Client, make_product: MakeProduct, page: str) -> None:
        make_product("MUG-1")
        assert staff.post(f"/admin/inventory/{page}", {"available": "99"}).status_code == 403

    @pytest.mark.parametrize("page", ["stock/", "stock/MUG-1/change/", "stockmovement/"])
    def test_they_show_the_stock(self, staff: Client, make_product: MakeProduct, page: str) -> None:
        services.receive(make_product("MUG-1"), 3)
        assert "MUG-1" in staff.get(f"/admin/inventory/{page}").content.decode()
