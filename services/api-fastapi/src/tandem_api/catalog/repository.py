"""Published products and categories in the database."""

from collections.abc import Collection
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.payloads import Money
from tandem_tables import catalog as tables

from tandem_api.catalog.schemas import Category, Product

PUBLISHED = "published"


async def published_products(
    session: AsyncSession, media_url: str, among: Collection[UUID] | None = None
) -> list[Product]:
    """All published products, or those of the ids in `among`; their pictures are below `media_url`."""
    query = (
        select(tables.Product, tables.Category)
        .join(tables.Category, tables.Category.id == tables.Product.category_id)
        .where(tables.Product.status == PUBLISHED)
    )
    if among is not None:
        query = query.where(tables.Product.id.in_(among))
    return [_product(product, category, media_url) for product, category in await session.execute(query)]


async def categories(session: AsyncSession) -> list[Category]:
    query = select(tables.Category).order_by(tables.Category.position, tables.Category.name)
    return [Category(slug=category.slug, name=category.name) for category in await session.scalars(query)]


def _product(product: tables.Product, category: tables.Category, media_url: str) -> Product:
    return Product(
        id=product.id,
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=Category(slug=category.slug, name=category.name),
        price=Money(amount=product.price_amount, currency=product.price_currency),
        picture=f"{media_url}{quote(product.picture)}" if product.picture else None,
        published_at=product.published_at or product.created_at,
    )
