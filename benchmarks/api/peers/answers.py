"""What all of them answer, to the byte."""

import os
from typing import Any

UPSTREAM_URL = os.environ.get("BENCHMARK_UPSTREAM_URL", "")
DATABASE_URL = os.environ.get("BENCHMARK_DATABASE_URL", "")
# What a product page asks of others: each takes 100 ms to answer.
UPSTREAMS = ("delivery", "reviews")
PAGE = 20
PUBLISHED = "published"
# How Django has to write JSON to write what FastAPI does.
COMPACT = {"separators": (",", ":"), "ensure_ascii": False}
# Connections to Postgres that a process may have.
POOL = 8

JSON_ONLY = {
    "items": [
        {"sku": f"SKU-{number:03}", "name": f"Product {number}", "price": {"amount": 1000 + number, "currency": "EUR"}}
        for number in range(PAGE)
    ]
}


def item(sku: str, name: str, category: str, amount: int, currency: str) -> dict[str, Any]:
    return {"sku": sku, "name": name, "category": category, "price": {"amount": amount, "currency": currency}}


def product_page(sku: str, delivery: Any, reviews: Any) -> dict[str, Any]:
    return {"sku": sku, "delivery": delivery, "reviews": reviews}
