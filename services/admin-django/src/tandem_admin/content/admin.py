"""Pages for the store's texts and banners."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tandem_admin.audit.trail import AuditedAdmin
from tandem_admin.content import services
from tandem_admin.content.models import Banner, Page
from tandem_admin.unfold_types import display


class ContentAdmin(AuditedAdmin):
    """Everything goes through the services, which state the events. Django's views have opened the transaction."""

    save: Callable[[Any], None]
    remove: Callable[[Any], None]

    def save_model(self, request: HttpRequest, obj: Any, form: "forms.ModelForm[Any]", change: bool) -> None:
        type(self).save(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        type(self).remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset.order_by("pk"):
            type(self).remove(obj)


@admin.register(Page)
class PageAdmin(ContentAdmin):
    save, remove = staticmethod(services.save_page), staticmethod(services.remove_page)
    list_display = ("title", "slug", "published_badge")
    list_filter = ("is_published",)
    search_fields = ("title", "slug", "body")
    prepopulated_fields = {"slug": ("title",)}
    fields = ("title", "slug", "body", "is_published")

    def get_readonly_fields(self, request: HttpRequest, obj: Page | None = None) -> tuple[str, ...]:
        # The slug is in addresses and in events that are out already.
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Page | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    @display(description="Published", ordering="is_published", label={"published": "success", "draft": "warning"})
    def published_badge(self, page: Page) -> str:
        return "published" if page.is_published else "draft"


@admin.register(Banner)
class BannerAdmin(ContentAdmin):
    save, remove = staticmethod(services.save_banner), staticmethod(services.remove_banner)
    list_display = ("title", "link", "position", "starts_at", "ends_at", "now_badge")
    search_fields = ("title", "text")
    fields = ("title", "text", "link", "position", "starts_at", "ends_at")

    @display(description="Now", label={"shown": "success", "to come": "info", "over": "default"})
    def now_badge(self, banner: Banner) -> str:
        now = timezone.now()
        if banner.starts_at > now:
            return "to come"
        return "over" if banner.ends_at and banner.ends_at <= now else "shown"
