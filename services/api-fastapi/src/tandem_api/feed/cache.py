"""What this process keeps in memory of the database, and how events renew it.

An event tells what to read again, the database what it is now. Applying payloads instead would need the version of
each row at the time of loading (which this role may not read), and could show a product as it was before the load. An
event about a row is rare next to the requests for it.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from tandem_contracts.envelope import Event

from tandem_api.catalog.repository import categories, published_products
from tandem_api.catalog.snapshot import Catalogue
from tandem_api.content.repository import published_pages, unended_banners
from tandem_api.content.shown import Content
from tandem_api.database import Database
from tandem_api.identity.refusals import RefusedCustomers
from tandem_api.identity.repository import deactivated_customers
from tandem_api.orders.wakeups import Wakeups


@dataclass
class Cache:
    """The catalogue, the content and the refused customers. `media_url` is where pictures are."""

    database: Database
    wakeups: Wakeups
    media_url: str = ""
    catalogue: Catalogue = field(default_factory=Catalogue)
    content: Content = field(default_factory=Content)
    refused: RefusedCustomers = field(default_factory=RefusedCustomers)
    loaded_at: float | None = None

    def age_seconds(self) -> float:
        """Time since everything was read; infinite before that."""
        return float("inf") if self.loaded_at is None else time.monotonic() - self.loaded_at

    def reason_against(self) -> str | None:
        """A readiness check: without catalogue and refused customers nothing can be served."""
        return "catalogue and customers are not loaded yet" if self.loaded_at is None else None

    async def load(self) -> None:
        """Read everything anew."""
        started = time.monotonic()
        async with self.database.reading() as session:
            products = await published_products(session, self.media_url)
            shelves = await categories(session)
            pages, banners = await published_pages(session), await unended_banners(session)
            refused = await deactivated_customers(session)
        self.catalogue.replace_all(products, shelves)
        self.content.replace_all(pages, banners)
        self.refused.replace_all(refused)
        self.loaded_at = started
        # Whoever follows an order may have missed an event too.
        self.wakeups.wake_all()

    async def apply(self, events: Iterable[Event]) -> None:
        """Read again what the events are about, and wake the streams of the orders among them."""
        about: dict[str, set[UUID]] = defaultdict(set)
        for event in events:
            about[event.aggregate_type].add(event.aggregate_id)
        self.wakeups.wake_orders(about["order"])
        if about["category"]:  # rarer still; its name is part of its products
            await self.load()
            return
        if about["product"] or about["customer"]:
            await self._read_again(about["product"], about["customer"])
        if about["page"] or about["banner"]:
            async with self.database.reading() as session:
                self.content.replace_all(await published_pages(session), await unended_banners(session))

    async def _read_again(self, products: Collection[UUID], customers: Collection[UUID]) -> None:
        async with self.database.reading() as session:
            if products:
                published = await published_products(session, self.media_url, products)
                self.catalogue.update(products, published, await categories(session))
            if customers:
                refused = await deactivated_customers(session, customers)
                self.refused.update(customers, refused)
                self.wakeups.wake_customers(refused)
