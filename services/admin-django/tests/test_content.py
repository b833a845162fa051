"""Pages and banners: each change that customers see is an event."""

import pytest
from django.test import Client
from tandem_admin.content.models import Banner, Page
from tandem_admin.events.models import OutboxEvent

pytestmark = pytest.mark.django_db
PAGES, BANNERS = "/admin/content/page/", "/admin/content/banner/"
IMPRINT = {"title": "Imprint", "slug": "imprint", "body": "# Who we are"}
SALE = {"title": "Sale", "text": "", "link": "page:sale", "position": "1"} | {
    "starts_at_0": "2030-01-01",
    "starts_at_1": "08:00:00",
}


def events_of(obj: Page | Banner) -> list[str]:
    return list(OutboxEvent.objects.filter(aggregate_id=obj.pk).order_by("version").values_list("type", flat=True))


def test_a_page_is_told_of_while_customers_see_it(staff: Client) -> None:
    staff.post(f"{PAGES}add/", IMPRINT)
    page = Page.objects.get(slug="imprint")
    url = f"{PAGES}{page.pk}/change/"
    for changes in ({}, {"is_published": "on"}, {"is_published": "on"}, {"is_published": "on", "body": "New"}, {}):
        assert staff.post(url, IMPRINT | changes).status_code == 302

    assert events_of(page) == ["page.published.v1", "page.changed.v1", "page.removed.v1"]
    assert OutboxEvent.objects.get(aggregate_id=page.pk, version=2).payload == {
        "page_id": str(page.pk),
        "slug": "imprint",
        "title": "Imprint",
        "body": "New",
    }


@pytest.mark.parametrize(("published", "events"), [({"is_published": "on"}, ["published", "removed"]), ({}, [])])
def test_a_page_that_is_removed(staff: Client, published: dict[str, str], events: list[str]) -> None:
    staff.post(f"{PAGES}add/", IMPRINT | published)
    page = Page.objects.get(slug="imprint")
    staff.post(PAGES, {"action": "delete_selected", "_selected_action": [page.pk], "post": "yes"})
    assert not Page.objects.exists()
    assert events_of(page) == [f"page.{event}.v1" for event in events]


def test_every_change_of_a_banner_is_an_event(staff: Client) -> None:
    staff.post(f"{BANNERS}add/", SALE)
    banner = Banner.objects.get(title="Sale")
    url = f"{BANNERS}{banner.pk}"
    staff.post(f"{url}/change/", SALE)
    staff.post(f"{url}/change/", SALE | {"text": "Everything must go"})
    staff.post(f"{url}/delete/", {"post": "yes"})

    assert events_of(banner) == ["banner.changed.v1", "banner.changed.v1", "banner.removed.v1"]
    assert OutboxEvent.objects.get(aggregate_id=banner.pk, version=1).payload["starts_at"] == "2030-01-01T08:00:00Z"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://example.com", "somewhere", "page:a b"])
def test_a_banner_leads_somewhere_safe(staff: Client, link: str) -> None:
    answer = staff.post(f"{BANNERS}add/", SALE | {"link": link})
    assert answer.context["adminform"].form.errors["link"]


def test_a_banner_ends_after_it_starts(staff: Client) -> None:
    answer = staff.post(f"{BANNERS}add/", SALE | {"ends_at_0": "2029-01-01", "ends_at_1": "08:00"})
    assert "ends after it starts" in str(answer.context["adminform"].form.errors)


def test_a_list_says_what_is_shown_now(staff: Client) -> None:
    for title, start, end in (("Past", "2020", "2021"), ("Now", "2020", ""), ("Future", "2090", "")):
        times = {"starts_at_0": f"{start}-01-01", "starts_at_1": "08:00"}
        if end:
            times |= {"ends_at_0": f"{end}-01-01", "ends_at_1": "08:00"}
        staff.post(f"{BANNERS}add/", SALE | {"title": title} | times)
    page = staff.get(BANNERS).content.decode()
    for badge in ("over", "shown", "to come"):
        assert badge in page
