"""Pages to look at what waits to be published, and to decide about what could not be applied."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from tandem_admin.acts import Act, ReadOnlyAdmin
from tandem_admin.events import presentation, services
from tandem_admin.events.acts import DISCARD, PERMISSION, REPLAY, REPLAY_DESPITE_GAP, told
from tandem_admin.events.forms import WhyForm
from tandem_admin.events.models import DeadLetter, DeadLetterDecision, OutboxEvent
from tandem_admin.unfold_types import action, display

DECIDED_AT_ONCE = 500
SHOWN = 20


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "type", "aggregate_id", "version", "producer", "shard", "occurred_at")
    list_filter = ("type", "producer")
    search_fields = ("aggregate_id",)
    list_per_page = 50


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    acts = (REPLAY, REPLAY_DESPITE_GAP, DISCARD)
    actions = ("replay", "replay_despite_gap", "discard")
    list_display = ("type", "about", "state_badge", "short_reason", "short_error", "attempts", "age", "consumer")
    list_filter = ("state", "reason", "consumer", "type")
    # Which fields: DeadLetterQuerySet.search; this shows the box.
    search_fields = ("id",)
    search_help_text = "Id of a letter, an event or an order, or a part of the error"
    list_per_page = 50
    change_form_template = "admin/events/deadletter/page.html"
    fields = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        return DeadLetter.objects.for_list()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter], search_term: str
    ) -> tuple[QuerySet[DeadLetter], bool]:
        found = DeadLetter.objects.search(search_term.strip()).values("pk") if search_term.strip() else None
        return (queryset if found is None else queryset.filter(pk__in=found)), False

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def perform_act(self, request: HttpRequest, act: Act, obj: DeadLetter, fields: dict[str, Any]) -> str:
        return act.perform(obj, **fields, decided_by=_email(request))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context.update(presentation.page(obj), title="Dead letter", subtitle=None)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @action(description="Replay", permissions=["decide"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._decide(request, letters, REPLAY, DeadLetterDecision.Action.REPLAY)

    @action(description="Replay despite gap", permissions=["decide"])
    def replay_despite_gap(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._decide(request, letters, REPLAY_DESPITE_GAP, DeadLetterDecision.Action.REPLAY_DESPITE_GAP)

    @action(description="Discard", permissions=["decide"])
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._decide(request, letters, DISCARD, DeadLetterDecision.Action.DISCARD)

    def _decide(
        self, request: HttpRequest, letters: QuerySet[DeadLetter], act: Act, chosen: DeadLetterDecision.Action
    ) -> HttpResponse | None:
        """Ask for the reason, naming the letters in question; with a reason, decide about exactly those."""
        possible = DeadLetter.objects.filter(pk__in=letters.values("pk")).undecided(chosen)
        form = WhyForm(request.POST if "why" in request.POST else None)
        if form.is_valid():
            with transaction.atomic():
                decided = services.decide(possible, chosen, why=form.cleaned_data["why"], decided_by=_email(request))
                for letter in decided:
                    self.log_change(request, letter, f"{act.title}: {told(decided)}")
            messages.success(request, told(decided))
            return None
        shown = list(possible[:DECIDED_AT_ONCE])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": act.title,
            "act": act,
            "form": form,
            "refused": None if shown else "Nothing of that kind can be decided about these letters now.",
            "object_url": request.get_full_path(),
            "letters": shown[:SHOWN],
            "more": max(len(shown) - SHOWN, 0),
            "left_out": letters.count() - len(shown),
            "action": request.POST["action"],
            "selected_name": ACTION_CHECKBOX_NAME,
            "selected": [letter.pk for letter in shown],
        }
        return TemplateResponse(request, "admin/events/deadletter/decide.html", context)

    @display(description="About", ordering="aggregate_id")
    def about(self, letter: DeadLetter) -> SafeString | str:
        url = presentation.aggregate_url(letter)
        name = presentation.short_name(letter)
        return format_html('<a class="tandem-link tandem-whole" href="{}">{}</a>', url, name) if url else name

    @display(
        description="State",
        ordering="state",
        label={state.label: color for state, color in presentation.STATE_COLORS.items()} | {"Decided": "info"},
    )
    def state_badge(self, letter: Any) -> str:
        return "Decided" if letter.pending_action else letter.get_state_display()

    @display(description="Reason", ordering="reason")
    def short_reason(self, letter: DeadLetter) -> str:
        return letter.reason

    @display(description="Age", ordering="-created_at")
    def age(self, letter: DeadLetter) -> str:
        return timesince(letter.created_at, depth=1)

    @display(description="Error")
    def short_error(self, letter: DeadLetter) -> SafeString:
        return format_html('<div class="tandem-wide">{}</div>', presentation.last_line(letter.error))


@admin.register(DeadLetterDecision)
class DeadLetterDecisionAdmin(ReadOnlyAdmin):
    list_display = ("decided_at", "decided_by", "action", "about", "outcome_badge", "why", "detail")
    list_filter = ("outcome", "action", "consumer")
    search_fields = ("aggregate_id", "decided_by", "why")
    list_per_page = 50

    @display(description="About", ordering="aggregate_id")
    def about(self, decision: DeadLetterDecision) -> str:
        return (
            f"{decision.aggregate_type} \N{HORIZONTAL ELLIPSIS}{str(decision.aggregate_id)[-12:]} #{decision.version}"
        )

    @display(
        description="Outcome",
        ordering="outcome",
        label={outcome.label: color for outcome, color in presentation.OUTCOME_COLORS.items()},
    )
    def outcome_badge(self, decision: DeadLetterDecision) -> str:
        return decision.get_outcome_display()


def _email(request: HttpRequest) -> str:
    return str(request.user.email)  # type: ignore[union-attr]  # the admin's views are for those who are logged in
