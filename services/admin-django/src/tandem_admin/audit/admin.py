"""The page of the audit trail."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tandem_admin.acts import ReadOnlyAdmin
from tandem_admin.audit.models import AuditEntry
from tandem_admin.unfold_types import display

Action = AuditEntry.Action
COLORS = {Action.ADDED: "success", Action.CHANGED: "info", Action.DELETED: "danger", Action.ACTED: "primary"}


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "who", "action_badge", "what", "told", "address")
    list_filter = ("action", "object_type", "at")
    search_fields = ("actor__email", "object_id", "object_name", "message")
    search_help_text = "Somebody's email address, an object's id or name, a word of a reason"
    list_per_page = 50
    fields = ("at", "who", "address", "action", "object_type", "object_id", "object_name", "told", "traceparent")
    readonly_fields = ("who", "told")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.for_list()

    @display(description="Who", ordering="actor__email")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor.email

    @display(description="Action", ordering="action", label={action.label: color for action, color in COLORS.items()})
    def action_badge(self, entry: AuditEntry) -> str:
        return entry.get_action_display()

    @display(description="What", ordering="object_name")
    def what(self, entry: AuditEntry) -> str:
        return f"{entry.object_type.partition('.')[2]} {entry.object_name or entry.object_id}"

    @display(description="How")
    def told(self, entry: AuditEntry) -> SafeString:
        lines = ((name, *values) for name, values in entry.changes.items() if any(values))
        changes = format_html_join("", "<div>{}: {}</div>", ((name, _change(*values)) for name, *values in lines))
        return format_html('<div class="tandem-wide">{}{}</div>', entry.message, changes)


def _change(before: str, after: str) -> SafeString | str:
    return format_html("<s>{}</s> → {}", before, after) if before else after
