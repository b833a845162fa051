"""FastAPI with SQLAlchemy's asyncio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from tandem_tables.catalog import Category, Product

from benchmarks.api.peers.answers import (
    DATABASE_URL,
    JSON_ONLY,
    PAGE,
    POOL,
    PUBLISHED,
    UPSTREAM_URL,
    UPSTREAMS,
    item,
    product_page,
)


class Price(BaseModel):
    amount: int
    currency: str


class Item(BaseModel):
    sku: str
    name: str
    category: str
    price: Price


class Items(BaseModel):
    items: list[Item]


class Named(BaseModel):
    sku: str
    name: str
    price: Price


class NamedItems(BaseModel):
    items: list[Named]


class ProductPage(BaseModel):
    sku: str
    delivery: dict[str, Any]
    reviews: dict[str, Any]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = make_url(DATABASE_URL).set(drivername="postgresql+psycopg")
    engine = create_async_engine(url, pool_size=POOL, max_overflow=0, pool_timeout=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        app.state.upstream = client
        app.state.sessions = async_sessionmaker(engine)
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


@app.get("/products/{sku}")
async def page(sku: str, request: Request) -> ProductPage:
    client: aiohttp.ClientSession = request.app.state.upstream
    delivery, reviews = await asyncio.gather(*(_ask(client, name) for name in UPSTREAMS))
    return ProductPage.model_validate(product_page(sku, delivery, reviews))


@app.get("/products")
async def products(session: Annotated[AsyncSession, Depends(_session, scope="function")]) -> Items:
    found = await session.execute(
        select(Product, Category)
        .join(Category, Category.id == Product.category_id)
        .where(Product.status == PUBLISHED)
        .order_by(Product.name, Product.sku)
        .limit(PAGE)
    )
    items = [
        item(product.sku, product.name, category.slug, product.price_amount, product.price_currency)
        for product, category in found
    ]
    return Items.model_validate({"items": items})


@app.get("/json")
async def json_only() -> NamedItems:
    return NamedItems.model_validate(JSON_ONLY)


async def _ask(client: aiohttp.ClientSession, name: str) -> Any:
    async with client.get(f"{UPSTREAM_URL}/{name}") as answer:
        return await answer.json()
