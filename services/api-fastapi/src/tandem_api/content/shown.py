"""Pages and banners in memory: never changed, only replaced."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tandem_api.content.schemas import Banner, Home, Page, PageList, PageTitle


class Content:
    """What is shown; nothing until the database was read once."""

    def __init__(self) -> None:
        self.pages: bytes | None = None
        self._by_slug: Mapping[str, bytes] = {}
        self._banners: Sequence[Banner] = ()

    def replace_all(self, pages: Sequence[Page], banners: Sequence[Banner]) -> None:
        """`pages` and `banners` are in their order, and the banners are those that have not ended."""
        titles = [PageTitle(slug=page.slug, title=page.title) for page in pages]
        self.pages = PageList(items=titles).model_dump_json().encode()
        self._by_slug = {page.slug: page.model_dump_json().encode() for page in pages}
        self._banners = tuple(banners)

    def page(self, slug: str) -> bytes | None:
        return self._by_slug.get(slug)

    def home(self, now: datetime) -> bytes:
        shown = [
            banner
            for banner in self._banners
            if banner.starts_at <= now and (banner.ends_at is None or now < banner.ends_at)
        ]
        return Home(banners=shown).model_dump_json().encode()
