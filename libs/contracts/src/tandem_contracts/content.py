"""Events of the aggregates `page` and `banner`, in the topic `tandem.content`."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from tandem_contracts.payloads import Payload


class PageEvent(Payload):
    page_id: UUID
    slug: str = Field(examples=["imprint"])


class PagePublished(PageEvent):
    """The page as customers see it from now on."""

    title: str
    body: str = Field(description="Markdown")


class PageChanged(PagePublished):
    """A published page as it is after the change."""


class PageRemoved(PageEvent):
    """Customers no longer see the page."""


class BannerEvent(Payload):
    banner_id: UUID


class BannerChanged(BannerEvent):
    """A banner of the home screen, new or not, as it is from now on."""

    title: str
    text: str
    link: str = Field(description="product:SKU, category:slug, page:slug, or an https address", examples=["page:sale"])
    position: int = Field(description="lower comes first")
    starts_at: datetime
    ends_at: datetime | None = Field(description="null: it stays")


class BannerRemoved(BannerEvent):
    """There is no such banner any more."""
