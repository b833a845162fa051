"""Synchronous Django, for gunicorn's threads."""

from typing import Any

import urllib3
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

upstream = urllib3.PoolManager(maxsize=128)


def page(_request: HttpRequest, sku: str) -> JsonResponse:
    delivery, reviews = (upstream.request("GET", f"{UPSTREAM_URL}/{name}").json() for name in UPSTREAMS)
    return JsonResponse(product_page(sku, delivery, reviews), json_dumps_params=COMPACT)


def products(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"items": listed()}, json_dumps_params=COMPACT)


def json_only(_request: HttpRequest) -> JsonResponse:
    return JsonResponse(JSON_ONLY, json_dumps_params=COMPACT)


def listed() -> list[dict[str, Any]]:
    found = Product.objects.filter(status=PUBLISHED).select_related("category").order_by("name", "sku")[:PAGE]
    return [item(one.sku, one.name, one.category.slug, one.price_amount, one.price_currency) for one in found]


urlpatterns = [path("products", products), path("products/<str:sku>", page), path("json", json_only)]
