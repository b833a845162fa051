"""Pages whose objects are saved and removed by services, since what is done to them is an event."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from tandem_admin.audit.trail import AuditedAdmin


class StatedAdmin(AuditedAdmin):
    """`save` and `remove` are the services that state the events. Django's views have opened the transaction."""

    save: Callable[[Any], None]
    remove: Callable[[Any], None]

    def save_model(self, request: HttpRequest, obj: Any, form: "forms.ModelForm[Any]", change: bool) -> None:
        type(self).save(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        type(self).remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset.order_by("pk"):
            type(self).remove(obj)


class SluggedAdmin(StatedAdmin):
    """For what has a slug, which is in addresses and in events that are out already: it is chosen once."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields
