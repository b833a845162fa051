"""What customers do with orders. Each act is written by one statement, which is its transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tandem_contracts.orders import OrderCancellationRequested, OrderedLine, OrderPlaced
from tandem_contracts.payloads import Money

from tandem_api.metrics import ORDERS_PLACED
from tandem_api.orders.idempotency import Answer, Attempt, earlier_answer
from tandem_api.orders.repository import (
    ProductForSale,
    before_cancellation,
    before_placement,
    find_offers,
    pending_cancellation,
    write_answer,
    write_cancellation,
    write_placement,
)
from tandem_api.orders.schemas import (
    Cancellation,
    ExpectedTotal,
    Line,
    LineRequest,
    OrderRequest,
    Quote,
    QuotedLine,
    newly_placed,
)
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
    known = await before_placement(
        connection,
        customer_id,
        attempt,
        [line.sku for line in request.lines],
        from_own=request.shipping_address is None,
        address_id=request.address_id,
    )
    answer = earlier_answer(attempt, known.stored)
    if answer is not None:
        return answer
    _require_active(known.active)
    lines = priced(request.lines, known.products)
    total = order_total(lines)
    _require_expected(total, request.expected_total)
    address = _destination(request, known.address)
    placed = OrderPlaced(
        order_id=known.order_id,
        customer_id=customer_id,
        total=total,
        lines=[OrderedLine(sku=line.sku, quantity=line.quantity, unit_price=line.unit_price) for line in lines],
        ships_to_country=address["country"] if address else None,
    )
    answer = Answer(CREATED, newly_placed(placed, lines, address, known.placed_at).model_dump_json())
    await write_placement(
        connection,
        attempt,
        answer,
        placed,
        lines,
        address=address,
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
    """State that the customer wants the order cancelled; the order process decides, in the order of the stream.

    Once: while a request is under way, whoever made it, that is the answer to every other. The connection is in a
    transaction, in which each statement sees what was committed before it.
    """
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
    under_way = await pending_cancellation(connection, order_id)
    if under_way is None:
        async with connection.begin_nested() as attempted:
            # First the event: it locks the stream. Then nobody comes between the second look and the commit.
            answer = await write_cancellation(connection, attempt, ACCEPTED, request, headers=headers)
            noted = Cancellation.model_validate_json(answer.body)
            under_way = await pending_cancellation(connection, order_id)
            if under_way in (None, noted.version):
                return answer
            await attempted.rollback()  # somebody else's was first
    answer = Answer(ACCEPTED, Cancellation(order_id=order_id, version=under_way).model_dump_json())
    await write_answer(connection, customer_id, attempt, answer)
    return answer


async def quote(session: AsyncSession, requested: Sequence[LineRequest]) -> Quote:
    """What the lines cost now, and of which there are enough pieces."""
    offers = await find_offers(session, [line.sku for line in requested])
    lines = priced(requested, {sku: offer.product for sku, offer in offers.items()})
    return Quote(
        lines=[QuotedLine(**line.model_dump(), in_stock=offers[line.sku].available >= line.quantity) for line in lines],
        total=order_total(lines),
    )


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


def _require_expected(total: Money, expected: ExpectedTotal | None) -> None:
    if expected is not None and (expected.amount, expected.currency) != (total.amount, total.currency):
        raise ProblemError(types.PRICE_CHANGED, "The order costs another amount now.", total=total)


def _destination(request: OrderRequest, own: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Where the order goes: as the request says, or to the customer's own address that it means, if there is one."""
    if request.shipping_address is not None:
        return request.shipping_address.model_dump()
    if own is None and request.address_id is not None:
        error = FieldError(detail="there is no such address", pointer="#/address_id")
        raise ProblemError(types.INVALID_REQUEST, errors=[error])
    return own
