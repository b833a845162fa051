"""Pages for webhooks: where partners hear of events, and what became of each message."""

from typing import Any

from allauth.idp.oidc.models import Client
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from tandem_contracts.webhooks import TEST_TYPE, WEBHOOK_TYPES

from tandem_admin.acts import Act, ActRefusedError, ActsAdmin, ReadOnlyAdmin, button
from tandem_admin.unfold_types import action, display
from tandem_admin.webhooks import presentation, services
from tandem_admin.webhooks.acts import ENDPOINT_ACTS, RESEND, ROTATE
from tandem_admin.webhooks.forms import EndpointForm, WhyForm
from tandem_admin.webhooks.models import Delivery, Endpoint

RESENT_AT_ONCE = 500
SHOWN = 20


@admin.register(Endpoint)
class EndpointAdmin(ActsAdmin):
    acts = ENDPOINT_ACTS
    form = EndpointForm
    list_display = ("url", "partner", "state_badge", "last_success_at", "waiting", "given_up")
    list_filter = ("state", ("client", admin.RelatedOnlyFieldListFilter))
    search_fields = ("url", "description", "client__name")
    list_per_page = 50
    told = (
        "state",
        "disabled_at",
        "disabled_reason",
        "is_held",
        "created_at",
        "last_success_at",
        "failing_since",
        "not_before",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        return Endpoint.objects.there().for_list()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*EndpointForm.Meta.fields, *(self.told if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("client", *self.told) if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "client":
            grants = Client.GrantType.CLIENT_CREDENTIALS
            kwargs["queryset"] = Client.objects.filter(grant_types__contains=grants).order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is disabled here; deleting is the partner's own affair

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        if change:
            services.change_endpoint(obj)
        else:
            _tell_secret(request, services.create_endpoint(obj))

    def perform_act(self, request: HttpRequest, act: Act, obj: Endpoint, fields: dict[str, Any]) -> str:
        if act is ROTATE:
            _tell_secret(request, services.rotate_secret(obj, **fields))
            return "Former ones are good for as long as was asked."
        if act.name == "test":
            return act.perform(obj, requested_by=_email(request))
        return act.perform(obj, **fields)

    def buttons(self, request: HttpRequest, obj: Endpoint) -> list[dict[str, Any]]:
        deliveries = f"{reverse('admin:webhooks_delivery_changelist')}?endpoint__id__exact={obj.pk}"
        return [button("Deliveries", "outgoing_mail", deliveries), *super().buttons(request, obj)]

    @display(description="Partner", ordering="client__name")
    def partner(self, endpoint: Endpoint) -> str:
        return str(endpoint.client.name)

    @display(description="State", ordering="state", label=presentation.ENDPOINT_COLORS)
    def state_badge(self, endpoint: Endpoint) -> str:
        return presentation.state_of(endpoint)

    @display(description="Waiting", ordering="waiting")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waiting)

    @display(description="Given up", ordering="given_up")
    def given_up(self, endpoint: Any) -> int:
        return int(endpoint.given_up)


class EventTypeFilter(admin.SimpleListFilter):
    """By the types that there are, rather than by those that are in a large table."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in (*WEBHOOK_TYPES, TEST_TYPE)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    acts = (RESEND,)
    actions = ("resend",)
    list_display = (
        "event_type",
        "about",
        "partner",
        "state_badge",
        "attempts",
        "last_status",
        "short_error",
        "created_at",
    )
    list_filter = ("state", EventTypeFilter, ("endpoint", admin.RelatedOnlyFieldListFilter))
    # Which fields: DeliveryQuerySet.search; this shows the box.
    search_fields = ("id",)
    search_help_text = "Id of a delivery, an event or an order, or a part of the address"
    list_per_page = 50
    show_full_result_count = False  # it may be a large table
    change_form_template = "admin/webhooks/delivery/page.html"
    fields = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return Delivery.objects.for_list()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        found = Delivery.objects.search(search_term.strip()).values("pk") if search_term.strip() else None
        return (queryset if found is None else queryset.filter(pk__in=found)), False

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RESEND.permission)

    def perform_act(self, request: HttpRequest, act: Act, obj: Delivery, fields: dict[str, Any]) -> str:
        refused = services.why_not_resend(obj)
        if refused:
            raise ActRefusedError(refused)
        return act.perform(obj, **fields, requested_by=_email(request))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context.update(presentation.page(obj), title="Webhook delivery", subtitle=None)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @action(description="Resend", permissions=["resend"])
    def resend(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> HttpResponse | None:
        """Ask for the reason, naming the deliveries in question; with a reason, ask for exactly those."""
        possible = Delivery.objects.for_list().filter(pk__in=deliveries.values("pk")).resendable()
        form = WhyForm(request.POST if "why" in request.POST else None)
        if form.is_valid():
            with transaction.atomic():
                why = form.cleaned_data["why"]
                asked = services.request_resend(possible[:RESENT_AT_ONCE], requested_by=_email(request), why=why)
                for delivery in asked:
                    self.log_change(request, delivery, f"{RESEND.title}: {why}")
            messages.success(request, f"{len(asked)} will be sent again.")
            return None
        shown = list(possible[:RESENT_AT_ONCE])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": RESEND.title,
            "act": RESEND,
            "form": form,
            "refused": None if shown else "None of these deliveries can be sent again now.",
            "object_url": request.get_full_path(),
            "deliveries": shown[:SHOWN],
            "more": max(len(shown) - SHOWN, 0),
            "left_out": deliveries.count() - len(shown),
            "action": request.POST["action"],
            "selected_name": ACTION_CHECKBOX_NAME,
            "selected": [delivery.pk for delivery in shown],
        }
        return TemplateResponse(request, "admin/webhooks/delivery/resend.html", context)

    @display(description="About", ordering="aggregate_id")
    def about(self, delivery: Delivery) -> SafeString | str:
        name = (
            f"{delivery.aggregate_type} \N{HORIZONTAL ELLIPSIS}{str(delivery.aggregate_id)[-12:]} #{delivery.version}"
        )
        url = presentation.aggregate_url(delivery)
        return format_html('<a class="tandem-link tandem-whole" href="{}">{}</a>', url, name) if url else name

    @display(description="Partner", ordering="endpoint__client__name")
    def partner(self, delivery: Delivery) -> str:
        return str(delivery.endpoint.client.name)

    @display(
        description="State",
        ordering="state",
        label={state.label: color for state, color in presentation.DELIVERY_COLORS.items()},
    )
    def state_badge(self, delivery: Delivery) -> str:
        return delivery.get_state_display()

    @display(description="Error")
    def short_error(self, delivery: Delivery) -> str:
        return delivery.last_error[:80]


def _tell_secret(request: HttpRequest, secret: str) -> None:
    # Beside what the audit trail keeps: nobody else is to read it.
    messages.warning(request, f"The signing secret, shown this once: {secret}")


def _email(request: HttpRequest) -> str:
    return str(request.user.email)  # type: ignore[union-attr]  # the admin's views are for those who are logged in
