"""Asynchronous Django, for uvicorn: views that wait without a thread, and the ORM's own way round."""

import asyncio
from typing import Any

import aiohttp
from django.http import HttpRequest, JsonResponse
from django.urls import path
from tandem_admin.catalog.models import Product

from benchmarks.api.peers.answers import (
    COMPACT,
    JSON_ONLY,
    PAGE,
    PUBLISHED,
    UPSTREAM_URL,
    UPSTREAMS,
    item,
    product_page,
)

_sessions: list[aiohttp.ClientSession] = []


async def page(_request: HttpRequest, sku: str) -> JsonResponse:
    delivery, reviews = await asyncio.gather(*(_ask(name) for name in UPSTREAMS))
    return JsonResponse(product_page(sku, delivery, reviews), json_dumps_params=COMPACT)


async def products(_request: HttpRequest) -> JsonResponse:
    found = Product.objects.filter(status=PUBLISHED).select_related("category").order_by("name", "sku")[:PAGE]
    items = [item(one.sku, one.name, one.category.slug, one.price_amount, one.price_currency) async for one in found]
    return JsonResponse({"items": items}, json_dumps_params=COMPACT)


async def json_only(_request: HttpRequest) -> JsonResponse:
    return JsonResponse(JSON_ONLY, json_dumps_params=COMPACT)


async def _ask(name: str) -> Any:
    if not _sessions:  # Django has no lifespan in which to make it
        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    async with _sessions[0].get(f"{UPSTREAM_URL}/{name}") as answer:
        return await answer.json()


urlpatterns = [path("products", products), path("products/<str:sku>", page), path("json", json_only)]
