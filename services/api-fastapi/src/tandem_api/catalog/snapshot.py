"""The published catalogue in memory: never changed, only replaced."""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from uuid import UUID

from tandem_contracts.payloads import Money

from tandem_api.catalog.memory import Memory
from tandem_api.catalog.schemas import Category, CategoryList, Product, Sort
from tandem_api.metrics import CATALOGUE_PRODUCTS

SortKey = tuple[str | int, str]

_FIRST: Mapping[Sort, Callable[[Product], str | int]] = {
    Sort.NAME: lambda product: product.name.casefold(),
    Sort.PRICE: lambda product: product.price.amount,
    Sort.PRICE_DESCENDING: lambda product: -product.price.amount,
    Sort.NEWEST: lambda product: -round(product.published_at.timestamp() * 1_000_000),
}


@dataclass(frozen=True)
class PriceRange:
    """Prices in minor units of a currency, both ends included."""

    currency: str
    lowest: int | None
    highest: int | None

    def __contains__(self, price: Money) -> bool:
        return (
            price.currency == self.currency
            and (self.lowest is None or price.amount >= self.lowest)
            and (self.highest is None or price.amount <= self.highest)
        )


@dataclass(frozen=True)
class Shelf:
    """Products in some order, with their JSON."""

    products: Sequence[Product]
    keys: Sequence[SortKey]
    json: Sequence[bytes]

    def page(
        self, after: SortKey | None, limit: int, prices: PriceRange | None = None
    ) -> tuple[Sequence[bytes], SortKey | None]:
        """The JSON of at most `limit` products behind `after`, and the last one's key when more follow."""
        start = 0 if after is None else bisect_right(self.keys, after)
        if prices is None:
            end = start + limit
            return self.json[start:end], self.keys[end - 1] if end < len(self.keys) else None
        among = (place for place in range(start, len(self.products)) if self.products[place].price in prices)
        found = list(islice(among, limit + 1))
        return [self.json[place] for place in found[:limit]], self.keys[found[limit - 1]] if len(
            found
        ) > limit else None


class Snapshot:
    """A state of the catalogue. Equal content has equal ETags, in every process and after every restart."""

    def __init__(self, products: Iterable[Product], categories: Sequence[Category]) -> None:
        self.products = sorted(products, key=lambda product: _key(product, Sort.NAME))
        self.categories = categories
        self._json = {product.id: product.model_dump_json().encode() for product in self.products}
        self._by_sku = {product.sku: product for product in self.products}
        self._by_category: dict[str, list[Product]] = defaultdict(list)
        for product in self.products:
            self._by_category[product.category.slug].append(product)
        self._shelves: dict[tuple[str | None, Sort], Shelf] = {}
        self.memory = Memory()

    def product(self, sku: str) -> tuple[bytes, str] | None:
        """JSON and ETag of a product."""
        product = self._by_sku.get(sku)
        return None if product is None else (self._json[product.id], etag_of(self._json[product.id]))

    def product_json(self, product_id: UUID) -> bytes | None:
        return self._json.get(product_id)

    def shelf(self, category: str | None, sort: Sort = Sort.NAME) -> Shelf:
        """The products of a category, or all; an unknown category is an empty shelf."""
        products = self.products if category is None else self._by_category.get(category)
        if products is None:
            return Shelf([], [], [])
        if (category, sort) not in self._shelves:
            self._shelves[category, sort] = self._shelf(products, sort)
        return self._shelves[category, sort]

    @cached_property
    def categories_json(self) -> bytes:
        return CategoryList(items=list(self.categories)).model_dump_json().encode()

    @cached_property
    def etag(self) -> str:
        """Of anything that is made of the whole catalogue."""
        return etag_of(b"\n".join((self.categories_json, *self.shelf(None).json)))

    def _shelf(self, products: Sequence[Product], sort: Sort) -> Shelf:
        in_order = sorted(products, key=lambda product: _key(product, sort))
        return Shelf(
            in_order, [_key(product, sort) for product in in_order], [self._json[product.id] for product in in_order]
        )


def _key(product: Product, sort: Sort) -> SortKey:
    return _FIRST[sort](product), product.sku


class Catalogue:
    """The present snapshot; None until the database was read once."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def replace_all(self, products: Iterable[Product], categories: Sequence[Category]) -> None:
        self.snapshot = Snapshot(products, categories)
        CATALOGUE_PRODUCTS.set(len(self.snapshot.products))

    def update(self, examined: Collection[UUID], published: Iterable[Product], categories: Sequence[Category]) -> None:
        """Of the products in `examined`, exactly those in `published` are published now."""
        kept = [product for product in self.snapshot.products if product.id not in examined] if self.snapshot else []
        self.replace_all([*kept, *published], categories)


def etag_of(content: bytes) -> str:
    """Of what is served; equal content has equal ones."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
