"""Pages for the stock and its ledger."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from tandem_admin.acts import Act, ActRefusedError, ReadOnlyAdmin, always_possible
from tandem_admin.inventory import services
from tandem_admin.inventory.forms import CorrectForm, ReceiveForm
from tandem_admin.inventory.models import Stock, StockMovement
from tandem_admin.unfold_types import TabularInline, display


def _receive(stock: Stock, *, quantity: int, note: str) -> str:
    available = services.receive(stock.product, quantity, note)
    return f"{quantity} pieces of {stock.product.name} booked in, {available} are available."


def _correct(stock: Stock, *, difference: int, reason: str) -> str:
    try:
        available = services.correct(stock.product, difference, reason)
    except services.NotEnoughStockError as error:
        raise ActRefusedError(str(error)) from error
    return f"Corrected by {difference:+d}, {available} pieces of {stock.product.name} are available."


class LevelFilter(admin.SimpleListFilter):
    """By what the state column says; the first page leads here."""

    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("low", "running out, in the store"), ("out", "out of stock")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "low":
                return queryset.running_out()
            case "out":
                return queryset.filter(available=0)
            case _:
                return queryset


class MovementInline(TabularInline):
    model = StockMovement
    verbose_name_plural = "Ledger"
    hide_title = True
    fields = readonly_fields = ("created_at", "reason", "available_change", "reserved_change", "order_id", "note")
    extra = 0
    per_page = 20
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Order")
    def order_id(self, movement: StockMovement) -> str:
        return str(movement.order_id or "")


@admin.register(Stock)
class StockAdmin(ReadOnlyAdmin):
    list_display = ("product_name", "sku", "available", "reserved", "state")
    list_filter = (LevelFilter, ("product__category", admin.RelatedOnlyFieldListFilter), "product__status")
    search_fields = ("product__name", "product__sku")
    ordering = ("product__name",)
    fields = ("product_name", "sku", "available", "reserved")
    readonly_fields = fields
    inlines = (MovementInline,)
    list_per_page = 50
    acts = (
        Act(
            name="receive",
            title="Book arrival",
            icon="add_box",
            permission="inventory.receive_stock",
            form=ReceiveForm,
            perform=_receive,
            refusal=always_possible,
            explanation="The pieces can be sold at once.",
        ),
        Act(
            name="correct",
            title="Correct balance",
            icon="rule",
            permission="inventory.correct_stock",
            form=CorrectForm,
            perform=_correct,
            refusal=always_possible,
            explanation="For what a count found. Pieces that are reserved belong to orders and cannot be taken away.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stock]:
        return Stock.objects.for_list()

    @display(description="Product", ordering="product__name")
    def product_name(self, stock: Stock) -> str:
        return stock.product.name

    @display(description="SKU", ordering="product")
    def sku(self, stock: Stock) -> str:
        return str(stock.pk)

    @display(description="", label={"out of stock": "danger", "low": "warning", "in stock": "success"})
    def state(self, stock: Stock) -> str:
        if stock.available == 0:
            return "out of stock"
        return "low" if stock.is_low else "in stock"


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "sku", "reason", "available_change", "reserved_change", "note")
    list_filter = ("reason",)
    search_fields = ("stock__product__sku", "note")
    list_per_page = 50
    fields = ("created_at", "sku", "reason", "available_change", "reserved_change", "order_number", "note")
    readonly_fields = fields

    @display(description="SKU")
    def sku(self, movement: StockMovement) -> str:
        return str(movement.stock_id)

    @display(description="Order")
    def order_number(self, movement: StockMovement) -> str:
        return str(movement.order_id or "")
