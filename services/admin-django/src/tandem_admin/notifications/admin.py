"""The page of mails to customers: what became of each, and sending one again."""

from types import MappingProxyType

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tandem_admin.acts import Act, ActRefusedError, ReadOnlyAdmin
from tandem_admin.notifications import services
from tandem_admin.notifications.models import Notification
from tandem_admin.traces import trace_id_of
from tandem_admin.unfold_types import display

# unfold's label variants
STATE_COLORS = MappingProxyType(
    {
        Notification.State.PENDING: "info",
        Notification.State.SENT: "success",
        Notification.State.FAILED: "danger",
        Notification.State.SKIPPED: "default",
    }
)


def _resend(notification: Notification) -> str:
    try:
        services.resend(notification)
    except ValueError as error:
        raise ActRefusedError(str(error)) from error
    return "The mail will be sent again in a moment."


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    acts = (
        Act(
            name="resend",
            title="Send again",
            icon="forward_to_inbox",
            permission="notifications.resend_notification",
            perform=_resend,
            refusal=services.why_not_resend,
            explanation="The customer gets the mail, again if it arrived before: to their address of now.",
        ),
    )
    list_display = ("created_at", "kind", "about", "customer", "state_badge", "attempts", "error", "sent_at")
    list_filter = ("state", "kind")
    search_fields = ("=order__id", "=event_id", "order__customer__email")
    search_help_text = "Id of an order or an event, or customer's email address"
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("kind", "about", "customer", "state_badge", "error")}),
        ("Sending", {"fields": ("wanted_at", "edition", "attempts", "next_attempt_at", "sent_at")}),
        ("Event", {"fields": ("event_id", "version", "trace", "created_at")}),
    )
    readonly_fields = ("about", "customer", "state_badge", "trace", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return Notification.objects.select_related("order__customer")

    @display(description="About", ordering="order")
    def about(self, notification: Notification) -> SafeString:
        url = reverse("admin:orders_order_change", args=[notification.order_id])
        return format_html('<a class="tandem-link tandem-whole" href="{}">{}</a>', url, notification.order)

    @display(description="Customer", ordering="order__customer__email")
    def customer(self, notification: Notification) -> str:
        return notification.order.customer.email

    @display(
        description="State",
        ordering="state",
        label={state.label: color for state, color in STATE_COLORS.items()},
    )
    def state_badge(self, notification: Notification) -> str:
        return notification.get_state_display()

    @display(description="Trace")
    def trace(self, notification: Notification) -> str:
        return trace_id_of(notification.traceparent) or "\N{EM DASH}"
