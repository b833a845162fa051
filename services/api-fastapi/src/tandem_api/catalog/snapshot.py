"""The published catalogue in memory: never changed, only replaced."""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from tandem_api.catalog.schemas import Category, CategoryList, Product
from tandem_api.metrics import CATALOGUE_PRODUCTS

SortKey = tuple[str, str]


def sort_key(product: Product) -> SortKey:
    return product.name.casefold(), product.sku


@dataclass(frozen=True)
class Shelf:
    """Products in the order of their names, with their JSON."""

    products: Sequence[Product]
    keys: Sequence[SortKey]
    json: Sequence[bytes]

    def page(self, after: SortKey | None, limit: int) -> tuple[Sequence[bytes], SortKey | None]:
        """The JSON of at most `limit` products behind `after`, and the last one's key when more follow."""
        start = 0 if after is None else bisect_right(self.keys, after)
        end = start + limit
        return self.json[start:end], self.keys[end - 1] if end < len(self.keys) else None


class Snapshot:
    """A state of the catalogue. Equal content has equal ETags, in every process and after every restart."""

    def __init__(self, products: Iterable[Product], categories: Sequence[Category]) -> None:
        self.products = sorted(products, key=sort_key)
        self.categories = categories
        self._json = {product.id: product.model_dump_json().encode() for product in self.products}
        self._by_sku = {product.sku: product for product in self.products}
        shelves: dict[str, list[Product]] = defaultdict(list)
        for product in self.products:
            shelves[product.category.slug].append(product)
        self._everything = self._shelf(self.products)
        self._shelves = {slug: self._shelf(found) for slug, found in shelves.items()}

    def product(self, sku: str) -> tuple[bytes, str] | None:
        """JSON and ETag of a product."""
        product = self._by_sku.get(sku)
        return None if product is None else (self._json[product.id], _etag(self._json[product.id]))

    def shelf(self, category: str | None) -> Shelf:
        """The products of a category, or all; an unknown category is an empty shelf."""
        return self._everything if category is None else self._shelves.get(category, self._shelf([]))

    @cached_property
    def categories_json(self) -> bytes:
        return CategoryList(items=list(self.categories)).model_dump_json().encode()

    @cached_property
    def etag(self) -> str:
        """Of anything that is made of the whole catalogue."""
        return _etag(b"\n".join((self.categories_json, *self._everything.json)))

    def _shelf(self, products: Sequence[Product]) -> Shelf:
        return Shelf(
            products, [sort_key(product) for product in products], [self._json[product.id] for product in products]
        )


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


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
