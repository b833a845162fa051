"""Pages for categories and products."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from tandem_admin.audit.trail import AuditedAdmin
from tandem_admin.catalog import services
from tandem_admin.catalog.exchange_pages import ProductExchange
from tandem_admin.catalog.forms import ProductForm
from tandem_admin.catalog.models import Category, Product
from tandem_admin.money import format_money
from tandem_admin.stated import SluggedAdmin
from tandem_admin.unfold_types import action, display

STATUS_COLORS = {"Published": "success", "Scheduled": "info", "Draft": "warning", "Archived": "default"}
PRICES_SHOWN = 20


@admin.register(Category)
class CategoryAdmin(SluggedAdmin):
    save, remove = staticmethod(services.save_category), staticmethod(services.remove_category)
    list_display = ("name", "slug", "position", "products", "published")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return Category.objects.with_product_counts()

    @display(description="Products", ordering="products_count")
    def products(self, category: Any) -> int:
        return int(category.products_count)

    @display(description="Published", ordering="published_count")
    def published(self, category: Any) -> int:
        return int(category.published_count)


@admin.register(Product)
class ProductAdmin(ProductExchange, AuditedAdmin):
    form = ProductForm
    list_display = ("name", "sku", "category_name", "price", "status_badge", "available")
    list_filter = ("status", "category")
    search_fields = ("name", "sku")
    autocomplete_fields = ("category",)
    list_per_page = 50
    warn_unsaved_form = True
    actions = ("publish", "archive")
    fieldsets = (
        (None, {"fields": ("name", "sku", "category", "description", "picture")}),
        ("In the store", {"fields": (("price", "price_currency"), "status", "publish_at", "published_at", "prices")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return Product.objects.for_list()

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        # The SKU is what stock, orders and shelves know the product by.
        fixed = ("published_at", "prices", "sku") if obj else ("published_at", "prices")
        return fixed if self.has_publish_permission(request) else (*fixed, "status", "publish_at")

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.publish_product")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Products are archived: orders and the stock ledger go on speaking of them."""
        return False

    def save_model(self, request: HttpRequest, obj: Product, form: "forms.ModelForm[Product]", change: bool) -> None:
        # Django's view has opened the transaction.
        services.save_product(obj)

    @display(description="Category", ordering="category__name")
    def category_name(self, product: Product) -> str:
        return product.category.name

    @display(description="Price", ordering="price_amount")
    def price(self, product: Product) -> str:
        return format_money(product.price_amount, product.price_currency)

    @display(description="Prices so far")
    def prices(self, product: Product) -> SafeString | str:
        if product._state.adding:  # noqa: SLF001 - Django's API
            return "-"
        changes = product.price_changes.all()[:PRICES_SHOWN]
        lines = [
            (format_money(each.amount, each.currency), date_format(each.since, "DATETIME_FORMAT")) for each in changes
        ]
        return format_html_join("", "<div>{} since {}</div>", lines)

    @display(description="Status", ordering="status", label=STATUS_COLORS)
    def status_badge(self, product: Product) -> str:
        return product.get_status_display()

    @display(description="Available", ordering="stock__available")
    def available(self, product: Product) -> int:
        return product.stock.available

    @action(description="Publish", permissions=["publish"])
    def publish(self, request: HttpRequest, products: QuerySet[Product]) -> None:
        with transaction.atomic():
            published = services.publish_products(products.values_list("pk", flat=True))
            for product in published:
                self.log_change(request, product, "Published with others.")
        messages.success(request, f"{len(published)} products published.")

    @action(description="Archive", permissions=["publish"])
    def archive(self, request: HttpRequest, products: QuerySet[Product]) -> None:
        with transaction.atomic():
            archived = services.archive_products(products.values_list("pk", flat=True))
            for product in archived:
                self.log_change(request, product, "Archived with others.")
        messages.success(request, f"{len(archived)} products archived.")
