"""What is done to products. The caller owns the transaction; each change that customers see is an event in it."""

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone
from tandem_contracts.catalog import ProductArchived, ProductChanged, ProductPublished
from tandem_contracts.payloads import Money

from tandem_admin.catalog.models import Product
from tandem_admin.events.services import append_event
from tandem_admin.inventory.services import open_stock

Status = Product.Status


def save_product(product: Product) -> None:
    """Save a new or changed product, and state what customers will see differently; nothing when that is nothing."""
    before = None if product._state.adding else Product.objects.locked().get(pk=product.pk)  # noqa: SLF001 - Django's API
    seen_before = _what_customers_see(before)
    if product.status == Status.PUBLISHED and product.published_at is None:
        product.published_at = timezone.now()
    product.save()
    if before is None:
        open_stock(product)
    _state_difference(product, seen_before, _what_customers_see(product))


def publish_products(ids: Iterable[UUID]) -> list[Product]:
    """Publish those that are not; returns these."""
    return _set_status(ids, Status.PUBLISHED)


def archive_products(ids: Iterable[UUID]) -> list[Product]:
    """Take those that are not archived out of the store; returns these."""
    return _set_status(ids, Status.ARCHIVED)


def _set_status(ids: Iterable[UUID], status: Product.Status) -> list[Product]:
    products = list(Product.objects.locked().filter(pk__in=list(ids)).exclude(status=status))
    for product in products:
        product.status = status
        save_product(product)
    return products


def _what_customers_see(product: Product | None) -> ProductPublished | None:
    if product is None or product.status != Status.PUBLISHED:
        return None
    return ProductPublished(
        product_id=product.pk,
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=product.category.slug,
        price=Money(amount=product.price_amount, currency=product.price_currency),
    )


def _state_difference(product: Product, before: ProductPublished | None, after: ProductPublished | None) -> None:
    if after == before:
        return
    if after is None:
        append_event(product.pk, ProductArchived(product_id=product.pk, sku=product.sku))
    elif before is None:
        append_event(product.pk, after)
    else:
        append_event(product.pk, ProductChanged(**after.model_dump()))
