"""What customers do with orders. Each act is written by one statement, which is its transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from tandem_contracts.orders import OrderCancellationRequested, OrderedLine, OrderPlaced
from tandem_contracts.payloads import Money

from tandem_api.metrics import ORDERS_PLACED
from tandem_api.orders.idempotency import Answer, Attempt, earlier_answer
from tandem_api.orders.repository import (
    ProductForSale,
    before_cancellation,
    before_placement,
    write_cancellation,
    write_placement,
)
from tandem_api.orders.schemas import Line, LineRequest, OrderRequest, newly_placed
from tandem_api.orders.states import is_cancellable
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, not_found
from tandem_api.problems.schemas import FieldError

CREATED, ACCEPTED = 201, 202


async def place_order(
    connection: AsyncConnection,
    customer_id: UUID,
    attempt: Attempt,
    request: OrderRequest,
    headers: Mapping[str, str],
) -> Answer:
    """Insert the order with its lines and state `order.placed.v1`; `headers` hold the request's trace context."""
    known = await before_placement(connection, customer_id, attempt, [line.sku for line in request.lines])
    answer = earlier_answer(attempt, known.stored)
    if answer is not None:
        return answer
    _require_active(known.active)
    lines = priced(request.lines, known.products)
    placed = OrderPlaced(
        order_id=known.order_id,
        customer_id=customer_id,
        total=order_total(lines),
        lines=[OrderedLine(sku=line.sku, quantity=line.quantity, unit_price=line.unit_price) for line in lines],
    )
    answer = Answer(CREATED, newly_placed(placed, lines, known.placed_at).model_dump_json())
    await write_placement(
        connection,
        attempt,
        answer,
        placed,
        lines,
        payment_token=request.payment_token,
        placed_at=known.placed_at,
        headers=headers,
    )
    ORDERS_PLACED.inc()
    return answer


async def request_cancellation(
    connection: AsyncConnection,
    customer_id: UUID,
    attempt: Attempt,
    *,
    order_id: UUID,
    reason: str,
    headers: Mapping[str, str],
) -> Answer:
    """State that the customer wants the order cancelled; the order process decides, in the order of the stream."""
    known = await before_cancellation(connection, customer_id, attempt, order_id)
    answer = earlier_answer(attempt, known.stored)
    if answer is not None:
        return answer
    _require_active(known.active)
    if known.state is None:
        raise not_found("order")
    if not is_cancellable(known.state):
        raise ProblemError(types.ORDER_NOT_CANCELLABLE, f"The order is {known.state}.")
    request = OrderCancellationRequested(
        order_id=order_id, customer_id=customer_id, requested_by="customer", reason=reason
    )
    return await write_cancellation(connection, attempt, ACCEPTED, request, headers=headers)


def priced(requested: Sequence[LineRequest], products: Mapping[str, ProductForSale]) -> list[Line]:
    """The lines at the products' present prices; a problem that points at each line whose product is not for sale."""
    missing = [
        FieldError(detail=f"{line.sku} is not for sale", pointer=f"#/lines/{index}/sku")
        for index, line in enumerate(requested)
        if line.sku not in products
    ]
    if missing:
        raise ProblemError(types.PRODUCT_UNAVAILABLE, errors=missing)
    return [
        Line(
            sku=line.sku,
            name=products[line.sku].name,
            quantity=line.quantity,
            unit_price=products[line.sku].price,
        )
        for line in requested
    ]


def order_total(lines: Sequence[Line]) -> Money:
    """The sum of all lines; a problem when they are in several currencies."""
    currencies = {line.unit_price.currency for line in lines}
    if len(currencies) > 1:
        raise ProblemError(types.MIXED_CURRENCIES, f"The lines are in {', '.join(sorted(currencies))}.")
    return Money(amount=sum(line.quantity * line.unit_price.amount for line in lines), currency=currencies.pop())


def _require_active(active: bool) -> None:
    # The feed's list of refused customers is seconds old; what writes asks the database.
    if not active:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
