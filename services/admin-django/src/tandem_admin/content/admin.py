"""Pages for the store's texts and banners."""

from django.contrib import admin
from django.utils import timezone

from tandem_admin.content import services
from tandem_admin.content.models import Banner, Page
from tandem_admin.stated import SluggedAdmin, StatedAdmin
from tandem_admin.unfold_types import display


@admin.register(Page)
class PageAdmin(SluggedAdmin):
    save, remove = staticmethod(services.save_page), staticmethod(services.remove_page)
    list_display = ("title", "slug", "published_badge")
    list_filter = ("is_published",)
    search_fields = ("title", "slug", "body")
    prepopulated_fields = {"slug": ("title",)}
    fields = ("title", "slug", "body", "is_published")

    @display(description="Published", ordering="is_published", label={"published": "success", "draft": "warning"})
    def published_badge(self, page: Page) -> str:
        return "published" if page.is_published else "draft"


@admin.register(Banner)
class BannerAdmin(StatedAdmin):
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
