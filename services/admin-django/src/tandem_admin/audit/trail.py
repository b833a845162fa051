"""The ModelAdmin of all pages of ours: what is done there is kept in the audit trail, in place of Django's own log."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from tandem_admin.audit import services
from tandem_admin.audit.models import AuditEntry
from tandem_admin.unfold_types import ModelAdmin

HISTORY_LENGTH = 200
Action = AuditEntry.Action


class AuditedAdmin(ModelAdmin):
    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Iterable[Any] | None, add: bool = False
    ) -> Any:
        """What Django hands to `log_addition` and `log_change`."""
        return services.changes_of(form)

    def log_addition(  # type: ignore[override]  # an entry of ours, not of Django's log
        self, request: HttpRequest, obj: models.Model, message: Any
    ) -> None:
        services.record(request, obj, Action.ADDED, changes=message)

    def log_change(  # type: ignore[override]
        self, request: HttpRequest, obj: models.Model, message: Any
    ) -> None:
        """A form's changes, or a sentence: what a page of Django's own, such as the password's, has to say."""
        if isinstance(message, str):
            services.record(request, obj, Action.ACTED, message=message)
        elif message:
            services.record(request, obj, Action.CHANGED, changes=message)

    def log_deletions(  # type: ignore[override]
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> None:
        for obj in queryset:
            services.record(request, obj, Action.DELETED)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {obj}",
            "subtitle": None,
            "opts": self.opts,
            "object": obj,
            "entries": AuditEntry.objects.about(obj).for_list()[:HISTORY_LENGTH],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/audit/history.html", context)
