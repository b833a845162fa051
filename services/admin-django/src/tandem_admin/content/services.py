"""What is done to pages and banners. The caller owns the transaction; what customers see of it is an event in it."""

from tandem_contracts.content import BannerChanged, BannerRemoved, PageChanged, PagePublished, PageRemoved

from tandem_admin.content.models import Banner, Page
from tandem_admin.events.services import append_event


def save_page(page: Page) -> None:
    """Save a new or changed page, and state what customers will see differently; nothing when that is nothing."""
    adding = page._state.adding  # noqa: SLF001 - Django's API
    before = None if adding else _published(Page.objects.select_for_update().get(pk=page.pk))
    page.save()
    after = _published(page)
    if after == before:
        return
    if after is None:
        append_event(page.pk, PageRemoved(page_id=page.pk, slug=page.slug))
    else:
        append_event(page.pk, after if before is None else PageChanged(**after.model_dump()))


def remove_page(page: Page) -> None:
    """Remove a page; customers who could see it are told of its end."""
    page_id, seen = page.pk, _published(page)
    page.delete()
    if seen:
        append_event(page_id, PageRemoved(page_id=page_id, slug=seen.slug))


def save_banner(banner: Banner) -> None:
    """Save a new or changed banner with its event; nothing is stated when nothing changed."""
    adding = banner._state.adding  # noqa: SLF001 - Django's API
    before = None if adding else _shown(Banner.objects.select_for_update().get(pk=banner.pk))
    banner.save()
    if _shown(banner) != before:
        append_event(banner.pk, _shown(banner))


def remove_banner(banner: Banner) -> None:
    banner_id = banner.pk
    banner.delete()
    append_event(banner_id, BannerRemoved(banner_id=banner_id))


def _published(page: Page) -> PagePublished | None:
    if not page.is_published:
        return None
    return PagePublished(page_id=page.pk, slug=page.slug, title=page.title, body=page.body)


def _shown(banner: Banner) -> BannerChanged:
    return BannerChanged(
        banner_id=banner.pk,
        title=banner.title,
        text=banner.text,
        link=banner.link,
        position=banner.position,
        starts_at=banner.starts_at,
        ends_at=banner.ends_at,
    )
