"""What is done to products and categories. The caller owns the transaction; what customers see is an event in it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from tandem_contracts.catalog import CategoryChanged, CategoryRemoved, ProductArchived, ProductChanged, ProductPublished
from tandem_contracts.payloads import Money, Payload

from tandem_admin.catalog.models import Category, PriceChange, Product
from tandem_admin.database.columns import new_ids
from tandem_admin.events.services import append_event, append_events
from tandem_admin.inventory.services import open_stock

Status = Product.Status
SAVED = (
    "sku",
    "name",
    "description",
    "category",
    "price_amount",
    "price_currency",
    "picture",
    "status",
    "publish_at",
    "published_at",
)


def save_product(product: Product) -> None:
    """Save a new or changed product, and state what customers will see differently; nothing when that is nothing."""
    save_products([product])


def save_products(products: Sequence[Product]) -> None:
    """As `save_product`, for many at once: a few statements, however many they are."""
    new = [product for product in products if product._state.adding]  # noqa: SLF001 - Django's API
    known = [product.pk for product in products if not product._state.adding]  # noqa: SLF001
    before = Product.objects.locked().in_bulk(known)
    seen_before = {product_id: _what_customers_see(product) for product_id, product in before.items()}
    for product, product_id in zip(new, new_ids(len(new)), strict=True):
        product.pk = product_id
    for product in products:
        if product.status == Status.PUBLISHED and product.published_at is None:
            product.published_at = timezone.now()
        if product.status != Status.SCHEDULED:
            product.publish_at = None
    Product.objects.bulk_create(products, update_conflicts=True, unique_fields=["id"], update_fields=SAVED)
    open_stock(new)
    PriceChange.objects.bulk_create(
        PriceChange(product=product, amount=product.price_amount, currency=product.price_currency)
        for product in products
        if product.pk not in before or _price(product) != _price(before[product.pk])
    )
    append_events(
        (product.pk, event)
        for product in products
        if (event := _difference(product, seen_before.get(product.pk), _what_customers_see(product)))
    )


def publish_products(ids: Iterable[UUID]) -> list[Product]:
    """Publish those that are not; returns these."""
    return _set_status(ids, Status.PUBLISHED)


def archive_products(ids: Iterable[UUID]) -> list[Product]:
    """Take those that are not archived out of the store; returns these."""
    return _set_status(ids, Status.ARCHIVED)


def publish_due(now: datetime, limit: int) -> list[Product]:
    """Publish at most `limit` of the scheduled products whose time has come; returns these."""
    return _save_with(list(Product.objects.due(now)[:limit]), Status.PUBLISHED)


def save_category(category: Category) -> None:
    """Save a new or changed category, and state what customers will see differently; nothing when that is nothing."""
    before = None if category._state.adding else Category.objects.get(pk=category.pk)  # noqa: SLF001 - Django's API
    category.save()
    if before is None or _category(before) != _category(category):
        append_event(category.pk, _category(category))


def remove_category(category: Category) -> None:
    """Remove a category; ProtectedError while a product is in it."""
    removed = CategoryRemoved(category_id=category.pk, slug=category.slug)
    category.delete()
    append_event(removed.category_id, removed)


def _category(category: Category) -> CategoryChanged:
    return CategoryChanged(category_id=category.pk, slug=category.slug, name=category.name, position=category.position)


def _price(product: Product) -> tuple[int, str]:
    return product.price_amount, product.price_currency


def _set_status(ids: Iterable[UUID], status: Product.Status) -> list[Product]:
    products = list(Product.objects.locked().filter(pk__in=list(ids)).exclude(status=status))
    return _save_with(products, status)


def _save_with(products: list[Product], status: Product.Status) -> list[Product]:
    for product in products:
        product.status = status
    save_products(products)
    return products


def _what_customers_see(product: Product) -> ProductPublished | None:
    if product.status != Status.PUBLISHED:
        return None
    return ProductPublished(
        product_id=product.pk,
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=product.category.slug,
        price=Money(amount=product.price_amount, currency=product.price_currency),
        picture=product.picture.url if product.picture else None,
    )


def _difference(product: Product, before: ProductPublished | None, after: ProductPublished | None) -> Payload | None:
    """The event that tells customers of the change, if they see any."""
    if after == before:
        return None
    if after is None:
        return ProductArchived(product_id=product.pk, sku=product.sku)
    return after if before is None else ProductChanged(**after.model_dump())
