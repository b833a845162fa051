"""Products as files: what a row has to be, and how many are written at once."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from import_export import fields, resources, widgets
from import_export.instance_loaders import CachedInstanceLoader
from import_export.results import RowResult

from tandem_admin.catalog import services
from tandem_admin.catalog.forms import PRICE_DIGITS
from tandem_admin.catalog.models import Category, Product
from tandem_admin.money import from_minor, to_minor

CURRENCY = re.compile(r"[A-Z]{3}")
WRITTEN_AT_ONCE = 500
# When a product is published is nothing for a file: its time may have passed when the file is read.
STATUSES = tuple(status.value for status in Product.Status if status != Product.Status.SCHEDULED)
Errors = dict[str, list[str]]


class CategoryWidget(widgets.Widget):  # type: ignore[misc]  # import_export has no types
    """A category by its slug; all are read once."""

    def __init__(self) -> None:
        super().__init__()
        self._categories: Mapping[str, Category] | None = None

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Category:
        if self._categories is None:
            self._categories = {category.slug: category for category in Category.objects.all()}
        try:
            return self._categories[str(value or "").strip()]
        except KeyError:
            raise ValueError(f"There is no category {value!r}; give its slug.") from None

    def render(self, value: Category | None, obj: Any = None, **kwargs: Any) -> str:
        return value.slug if value else ""


class ProductResource(resources.ModelResource):  # type: ignore[misc]  # import_export has no types
    """A row is a product, known by its SKU. A row with a mistake is told and left out; the others are imported."""

    category = fields.Field(attribute="category", column_name="category")
    price = fields.Field(column_name="price")
    currency = fields.Field(attribute="price_currency", column_name="currency", default="EUR")

    class Meta:
        model = Product
        import_id_fields = ("sku",)
        fields = import_order = export_order = (
            "sku",
            "name",
            "description",
            "category",
            "price",
            "currency",
            "status",
        )
        instance_loader_class = CachedInstanceLoader
        use_bulk = True
        batch_size = WRITTEN_AT_ONCE
        skip_unchanged = True
        report_skipped = True
        # The preview shows what will be different, not pages of differences between characters.
        skip_html_diff = True
        store_instance = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["category"].widget = CategoryWidget()
        self._seen: set[str] = set()

    def get_queryset(self) -> Any:
        return Product.objects.select_related("category")

    def dehydrate_price(self, product: Product) -> str:
        return str(from_minor(product.price_amount, product.price_currency))

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """A spreadsheet's empty cell is None, which no column of ours may be."""
        row.update({name: "" for name, value in row.items() if value is None})

    def import_instance(self, instance: Product, row: Mapping[str, Any], **kwargs: Any) -> None:
        errors: Errors = {}
        former_status = instance.status
        try:
            super().import_instance(instance, row, **kwargs)
        except ValidationError as error:
            errors.update(error.message_dict)
        errors.update(_mistakes(instance, row, known=not instance._state.adding))  # noqa: SLF001 - Django's API
        if instance.status != former_status:
            if instance.status not in STATUSES:
                errors["status"] = [f"A status is one of {', '.join(STATUSES)}."]
            elif not kwargs["user"].has_perm("catalog.publish_product"):
                errors["status"] = ["You may not publish or archive."]
        if instance.sku in self._seen:
            errors["sku"] = ["This SKU is in the file twice."]
        self._seen.add(instance.sku)
        if errors:
            raise ValidationError(errors)

    def validate_instance(
        self,
        instance: Product,
        import_validation_errors: dict[str, Any] | None = None,
        validate_unique: bool = True,
    ) -> None:
        """In memory alone: Django's own way asks the database about each constraint of each row."""
        errors = dict(import_validation_errors or {})
        try:
            instance.clean_fields(exclude={"category", "price_amount", *errors})
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def skip_row(
        self, instance: Product, original: Product, row: Any, import_validation_errors: dict[str, Any] | None = None
    ) -> bool:
        known = not instance._state.adding  # noqa: SLF001 - Django's API
        return known and not import_validation_errors and not changes(original, instance)

    def bulk_create(self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any) -> None:
        self._write(self.create_instances, dry_run=dry_run)

    def bulk_update(self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any) -> None:
        self._write(self.update_instances, dry_run=dry_run)

    def _write(self, products: list[Product], *, dry_run: bool) -> None:
        if products and not dry_run:
            services.save_products(products)
        products.clear()


def changes(before: Product | None, after: Product) -> dict[str, list[str]]:
    """By column what it was and what it became, of what differs; `before` is None for a new product."""
    was = {} if before is None else _columns(before)
    return {name: [was.get(name, ""), now] for name, now in _columns(after).items() if was.get(name) != now}


def changes_of_row(result: RowResult) -> dict[str, list[str]]:
    return changes(result.original, result.instance)


def _columns(product: Product) -> dict[str, str]:
    return {
        "name": product.name,
        "description": product.description,
        "category": product.category.slug,
        "price": f"{from_minor(product.price_amount, product.price_currency)} {product.price_currency}",
        "status": product.status,
    }


def _mistakes(product: Product, row: Mapping[str, Any], *, known: bool) -> Errors:
    """What is wrong with a row, by column; reads its price into the product."""
    errors: Errors = {}
    missing = [name for name in ("name", "category", "price") if name not in row and not known]
    if missing:
        errors.update({name: ["A new product needs this column."] for name in missing})
    if not CURRENCY.fullmatch(product.price_currency):
        errors["currency"] = ["Give the currency as three capital letters (ISO 4217)."]
    elif "price" in row:
        try:
            product.price_amount = _price(row["price"], product.price_currency)
        except ValueError as error:
            errors["price"] = [str(error)]
    return errors


def _price(text: Any, currency: str) -> int:
    """In minor units; ValueError says what is wrong."""
    try:
        price = Decimal(str(text).strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is no price, such as 19.99.") from None
    if not price.is_finite() or price <= 0:
        raise ValueError("The price must be above zero.")
    if price.adjusted() >= PRICE_DIGITS:
        raise ValueError("This price is too high.")
    return to_minor(price, currency)
