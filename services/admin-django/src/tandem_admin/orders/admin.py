"""Pages for orders: staff read them, and ask for what shall happen to them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from tandem_admin.acts import Act, ActRefusedError, ReadOnlyAdmin
from tandem_admin.money import format_money, to_minor
from tandem_admin.orders import presentation, services
from tandem_admin.orders.forms import ReasonForm, RefundForm, ShipmentForm
from tandem_admin.orders.models import Order, State
from tandem_admin.refunds import presentation as refunds
from tandem_admin.unfold_types import display


def _perform(service: Callable[..., int], message: str) -> Callable[..., str]:
    def perform(order: Order, **fields: Any) -> str:
        try:
            service(order, **fields)
        except services.RequestNotAllowedError as error:
            raise ActRefusedError(str(error)) from error
        return message

    return perform


def _refund(order: Order, *, amount: Decimal, reason: str) -> str:
    minor = to_minor(amount, order.total_currency)
    message = f"Refund of {format_money(minor, order.total_currency)} requested."
    return _perform(services.request_refund, message)(order, amount=minor, reason=reason)


def _refusal(request: services.Request) -> Callable[[Order], str | None]:
    return lambda order: services.why_not(order, request)


ACTS = (
    Act(
        name="ship",
        title="Register shipment",
        icon="local_shipping",
        permission="orders.ship_order",
        form=ShipmentForm,
        perform=_perform(services.register_shipment, "Shipment registered."),
        refusal=_refusal(services.SHIPMENT),
        explanation="The parcel is with the carrier. The customer will see that at once.",
    ),
    Act(
        name="deliver",
        title="Register delivery",
        icon="home_pin",
        permission="orders.ship_order",
        perform=_perform(services.register_delivery, "Delivery registered."),
        refusal=_refusal(services.DELIVERY),
        explanation="The parcel has arrived at the customer.",
    ),
    Act(
        name="refund",
        title="Request refund",
        icon="currency_exchange",
        permission="orders.refund_order",
        form=RefundForm,
        about=lambda order: {"order": order},
        perform=_refund,
        refusal=_refusal(services.REFUND),
        explanation="The customer gets the amount back. The order stays as it is, until all of it has gone back.",
        dangerous=True,
    ),
    Act(
        name="cancel",
        title="Request cancellation",
        icon="cancel",
        permission="orders.cancel_order",
        form=ReasonForm,
        perform=_perform(services.request_cancellation, "Cancellation requested."),
        refusal=_refusal(services.CANCELLATION),
        explanation="The pieces go back to the stock; what was paid is given back.",
        dangerous=True,
    ),
)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    acts = ACTS
    list_display = ("number", "placed_at", "customer_email", "pieces", "total", "state_badge")
    list_filter = ("state", "placed_at")
    # Which fields: OrderQuerySet.search; this shows the box.
    search_fields = ("id",)
    search_help_text = "Order id or customer's email address"
    list_per_page = 50
    change_form_template = "admin/orders/order/page.html"
    fields = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return Order.objects.for_list()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        order: Order | None = super().get_object(request, object_id, from_field)
        return order and Order.objects.for_page().get(pk=order.pk)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        found = Order.objects.search(search_term.strip()).values("pk") if search_term.strip() else None
        return (queryset if found is None else queryset.filter(pk__in=found)), False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context.update(
            order=obj,
            state_color=presentation.STATE_COLORS[State(obj.state)],
            total=format_money(obj.total_amount, obj.total_currency),
            lines=presentation.line_rows(obj),
            timeline=presentation.timeline_rows(list(obj.timeline.all())),
            attempts=presentation.attempt_rows(obj),
            money=refunds.money_rows(obj),
            refunds=refunds.refund_rows(obj),
            title="Order",
            subtitle=None,
        )
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Order", ordering="id")
    def number(self, order: Order) -> str:
        return str(order.pk)

    @display(description="Customer", ordering="customer__email")
    def customer_email(self, order: Order) -> str:
        return order.customer.email

    @display(description="Pieces")
    def pieces(self, order: Any) -> int:
        return int(order.pieces or 0)

    @display(description="Total", ordering="total_amount")
    def total(self, order: Order) -> str:
        return format_money(order.total_amount, order.total_currency)

    @display(
        description="State",
        ordering="state",
        label={state.label: color for state, color in presentation.STATE_COLORS.items()},
    )
    def state_badge(self, order: Order) -> str:
        return order.get_state_display()
