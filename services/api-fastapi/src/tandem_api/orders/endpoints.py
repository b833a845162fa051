import json
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response, status
from fastapi.openapi.models import Example as OpenAPIExample
from pydantic import TypeAdapter
from tandem_runtime.tracing import trace_headers

from tandem_api.database import ReadSession, Writer
from tandem_api.identity.principal import Buyer, Reader
from tandem_api.orders.idempotency import IDEMPOTENT, REPLAYED_HEADER, IdempotentAttempt, response
from tandem_api.orders.repository import find_order, list_orders, order_lines, shipping_address, timeline
from tandem_api.orders.schemas import (
    Basket,
    Cancellation,
    CancellationRequest,
    Order,
    OrderPage,
    OrderRequest,
    Quote,
    detailed,
    summary,
)
from tandem_api.orders.services import place_order, quote, request_cancellation
from tandem_api.pagination import DEFAULT_PAGE, MAXIMUM_CURSOR, MAXIMUM_PAGE, decode_cursor, encode_cursor
from tandem_api.problems import types
from tandem_api.problems.errors import not_found
from tandem_api.problems.responses import AUTHENTICATED, WITH_BODY, Responses, problems

router = APIRouter(tags=["orders"])

_CURSOR = TypeAdapter(UUID)
_PLACED: Responses = {
    201: {
        "headers": {"Location": {"description": "path of the order", "schema": {"type": "string"}}, **REPLAYED_HEADER}
    }
}
_ORDER_EXAMPLES: dict[str, OpenAPIExample] = {
    "to an address": {
        "value": {
            "lines": [{"sku": "MUG-0001", "quantity": 2}],
            "shipping_address": {
                "recipient": "Ada Lovelace",
                "street": "Keizersgracht 1",
                "postal_code": "1015 CJ",
                "city": "Amsterdam",
                "country": "NL",
            },
            "payment_token": "tok_visa",
        }
    },
    "to the default address": {"value": {"lines": [{"sku": "MUG-0001", "quantity": 1}], "payment_token": "tok_visa"}},
}
_REQUESTED: Responses = {202: {"headers": REPLAYED_HEADER}}


@router.post(
    "/orders",
    operation_id="placeOrder",
    summary="Place an order",
    status_code=status.HTTP_201_CREATED,
    response_model=Order,
    responses=_PLACED
    | problems(
        *AUTHENTICATED,
        *IDEMPOTENT,
        types.PRODUCT_UNAVAILABLE,
        types.MIXED_CURRENCIES,
        types.PRICE_CHANGED,
        *WITH_BODY,
    ),
)
async def place(
    request: Request,
    customer: Buyer,
    attempt: IdempotentAttempt,
    body: Annotated[OrderRequest, Body(openapi_examples=_ORDER_EXAMPLES)],
    database: Writer,
) -> Response:
    """Happens once per idempotency key. What follows (stock, payment, shipment) is told by the order's events."""
    async with database.writing() as connection:
        answer = await place_order(connection, customer.customer_id, attempt, body, trace_headers())
    order_id = json.loads(answer.body)["id"]
    request.state.order_id = order_id  # for `transport.arrival`
    return response(answer, location=f"/v1/orders/{order_id}")


@router.post(
    "/quotes",
    operation_id="quoteOrder",
    summary="What an order would cost",
    responses=problems(*AUTHENTICATED, types.PRODUCT_UNAVAILABLE, types.MIXED_CURRENCIES, *WITH_BODY),
)
async def ask_price(_: Reader, body: Basket, session: ReadSession) -> Quote:
    """Prices, stock and total of this moment. Nothing is placed or set aside; no idempotency key is needed."""
    return await quote(session, body.lines)


@router.get("/orders", operation_id="listOrders", summary="My orders", responses=problems(*AUTHENTICATED))
async def list_(
    customer: Reader,
    session: ReadSession,
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    cursor: Annotated[str | None, Query(max_length=MAXIMUM_CURSOR, description="`next_cursor` of a page")] = None,
) -> OrderPage:
    before = None if cursor is None else decode_cursor(cursor, _CURSOR)
    found = await list_orders(session, customer.customer_id, before=before, limit=limit + 1)
    page = found[:limit]
    return OrderPage(
        items=[summary(order) for order in page],
        next_cursor=encode_cursor(str(page[-1].id)) if len(found) > limit else None,
    )


@router.get(
    "/orders/{order_id}",
    operation_id="getOrder",
    summary="An order with its lines and timeline",
    responses=problems(*AUTHENTICATED, types.NOT_FOUND),
)
async def get(customer: Reader, order_id: UUID, session: ReadSession) -> Order:
    order = await find_order(session, order_id, customer.customer_id)
    if order is None:
        raise not_found("order")
    return detailed(
        order,
        await order_lines(session, order_id, customer.customer_id),
        await timeline(session, order_id, customer.customer_id),
        await shipping_address(session, order_id, customer.customer_id),
    )


@router.post(
    "/orders/{order_id}/cancellation",
    operation_id="requestCancellation",
    summary="Ask to cancel an order",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=Cancellation,
    responses=_REQUESTED
    | problems(*AUTHENTICATED, *IDEMPOTENT, types.NOT_FOUND, types.ORDER_NOT_CANCELLABLE, *WITH_BODY),
)
async def cancel(
    customer: Buyer, order_id: UUID, attempt: IdempotentAttempt, body: CancellationRequest, database: Writer
) -> Response:
    """Notes the request; the order's events tell whether it came in time. One that is under way is not noted twice."""
    async with database.transaction() as connection:
        answer = await request_cancellation(
            connection,
            customer.customer_id,
            attempt,
            order_id=order_id,
            reason=body.reason,
            headers=trace_headers(),
        )
    return response(answer)
