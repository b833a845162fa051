"""What staff do to the stock. The caller owns the transaction; each change is a ledger line and an event in it."""

from collections.abc import Iterable

from django.db.models import F
from tandem_contracts.inventory import StockCorrected, StockReceived

from tandem_admin.catalog.models import Product
from tandem_admin.events.services import append_event
from tandem_admin.inventory.models import Stock, StockMovement


class NotEnoughStockError(Exception):
    """A correction would take away more than is there; what is reserved belongs to orders already."""


def open_stock(products: Iterable[Product]) -> None:
    """Give new products their balance: none."""
    Stock.objects.bulk_create(Stock(product=product) for product in products)


def receive(product: Product, quantity: int, note: str = "") -> int:
    """Book pieces that arrived; returns how many are available now."""
    if quantity <= 0:
        raise ValueError("what arrives is more than nothing")
    available = _book(product, quantity, StockMovement.Reason.RECEIPT, note)
    received = StockReceived(product_id=product.pk, sku=product.sku, available=available, quantity=quantity)
    append_event(product.pk, received)
    return available


def correct(product: Product, difference: int, reason: str) -> int:
    """Book pieces that were found (positive) or are missing (negative); returns how many are available now.

    Raises NotEnoughStockError when fewer are available than are missing.
    """
    if difference == 0:
        raise ValueError("a correction changes something")
    available = _book(product, difference, StockMovement.Reason.CORRECTION, reason)
    corrected = StockCorrected(
        product_id=product.pk, sku=product.sku, available=available, difference=difference, reason=reason
    )
    append_event(product.pk, corrected)
    return available


def _book(product: Product, change: int, reason: StockMovement.Reason, note: str) -> int:
    # Relative and with its condition: orders are taking from the same row meanwhile. The row is locked from here on.
    enough = Stock.objects.filter(product=product, available__gte=-change)
    if not enough.update(available=F("available") + change):
        raise NotEnoughStockError(f"Fewer than {-change} pieces of {product.sku} are available.")
    StockMovement.objects.create(stock_id=product.sku, reason=reason, available_change=change, note=note)
    return Stock.objects.values_list("available", flat=True).get(product=product)
