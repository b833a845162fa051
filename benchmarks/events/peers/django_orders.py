"""Placing an order in plain, synchronous Django: the same effects as the API's, written with the admin's models."""

import hashlib
import json
import os
from http import HTTPStatus
from typing import Any
from uuid import UUID

import jwt
from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from tandem_admin.catalog.models import Product
from tandem_admin.events.services import append_event
from tandem_admin.orders.models import IdempotencyKey, Order, OrderLine, State, TimelineEntry
from tandem_admin.users.models import User
from tandem_contracts.orders import OrderedLine, OrderPlaced
from tandem_contracts.payloads import Money
from tandem_contracts.registry import event_type_of

from benchmarks.measuring.store import AUDIENCE, ISSUER

# The identity provider's, in PEM.
PUBLIC_KEY = os.environ.get("BENCHMARK_PUBLIC_KEY", "")


@csrf_exempt
@require_POST
def place(request: HttpRequest) -> JsonResponse:
    token = request.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, PUBLIC_KEY, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE)
    if "orders:write" not in claims["scope"].split():
        return JsonResponse({"title": "The access token does not allow this"}, status=HTTPStatus.FORBIDDEN)
    customer, key = UUID(claims["sub"]), request.headers["Idempotency-Key"]
    request_hash = hashlib.sha256(request.body).hexdigest()
    with transaction.atomic():
        _own(customer, key)
        stored = IdempotencyKey.objects.filter(principal=f"customer:{customer}", key=key).first()
        if stored is not None and stored.request_hash == request_hash:
            return JsonResponse(stored.response_body, status=stored.response_status)
        if stored is not None:
            return JsonResponse({"title": "The key belongs to another request"}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        answer = _place_order(customer, json.loads(request.body))
        IdempotencyKey.objects.create(
            principal=f"customer:{customer}",
            key=key,
            request_hash=request_hash,
            response_status=HTTPStatus.CREATED,
            response_body=answer,
        )
    return JsonResponse(answer, status=HTTPStatus.CREATED)


def _own(customer: UUID, key: str) -> None:
    number = int.from_bytes(hashlib.blake2b(f"{customer}\0{key}".encode(), digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])


def _place_order(customer: UUID, body: dict[str, Any]) -> dict[str, Any]:
    User.objects.only("id").get(pk=customer, is_active=True)
    skus = [line["sku"] for line in body["lines"]]
    products = {product.sku: product for product in Product.objects.filter(sku__in=skus, status="published")}
    lines = [
        OrderedLine(
            sku=line["sku"],
            quantity=line["quantity"],
            unit_price=Money(amount=products[line["sku"]].price_amount, currency=products[line["sku"]].price_currency),
        )
        for line in body["lines"]
    ]
    total = Money(
        amount=sum(line.quantity * line.unit_price.amount for line in lines), currency=lines[0].unit_price.currency
    )
    order = Order.objects.create(
        customer_id=customer,
        total_amount=total.amount,
        total_currency=total.currency,
        payment_token=body["payment_token"],
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=position,
            sku=line.sku,
            name=products[line.sku].name,
            quantity=line.quantity,
            unit_amount=line.unit_price.amount,
        )
        for position, line in enumerate(lines, start=1)
    )
    placed = OrderPlaced(order_id=order.pk, customer_id=customer, total=total, lines=lines)
    entry = TimelineEntry.objects.create(
        order=order,
        version=append_event(order.pk, placed),
        event_type=event_type_of(placed).name,
        state=State.PLACED,
        payload=placed.model_dump(mode="json"),
    )
    return {
        "id": str(order.pk),
        "state": State.PLACED,
        "total": total.model_dump(),
        "placed_at": order.placed_at.isoformat(),
        "lines": [line.model_dump() for line in lines],
        "timeline": [{"version": entry.version, "type": entry.event_type, "state": entry.state}],
    }


urlpatterns = [path("v1/orders", place)]
