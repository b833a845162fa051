"""What customers do with orders. The caller owns the transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts.orders import OrderCancellationRequested, OrderedLine, OrderPlaced
from tandem_contracts.payloads import Money
from tandem_tables import orders as tables
from tandem_tables.catalog import Product
from tandem_tables.timeline import append_to_timeline

from tandem_api.catalog.repository import products_for_sale
from tandem_api.identity.repository import active_customer
from tandem_api.orders.repository import find_order, insert_order
from tandem_api.orders.schemas import Cancellation, LineRequest, Order, OrderRequest, detailed
from tandem_api.orders.states import is_cancellable
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, not_found
from tandem_api.problems.schemas import FieldError

PLACED = "placed"


async def place_order(
    session: AsyncSession, customer_id: UUID, request: OrderRequest, headers: Mapping[str, str]
) -> Order:
    """Insert the order with its lines and state `order.placed.v1`; `headers` hold the request's trace context."""
    await _require_active(session, customer_id)
    products = await products_for_sale(session, [line.sku for line in request.lines])
    lines = priced(request.lines, products)
    total = order_total(lines)
    stored = await insert_order(
        session,
        {
            "customer_id": customer_id,
            "total_amount": total.amount,
            "total_currency": total.currency,
            "payment_token": request.payment_token,
        },
        [
            {
                "sku": line.sku,
                "name": products[line.sku].name,
                "quantity": line.quantity,
                "unit_amount": line.unit_price.amount,
            }
            for line in lines
        ],
    )
    placed = OrderPlaced(order_id=stored.id, customer_id=customer_id, total=total, lines=lines)
    entry = await append_to_timeline(session, placed, state=PLACED, headers=headers)
    return detailed(stored, _stored_lines(lines, products), [entry])


async def request_cancellation(
    session: AsyncSession, customer_id: UUID, order_id: UUID, reason: str, headers: Mapping[str, str]
) -> Cancellation:
    """State that the customer wants the order cancelled; the order process decides, in the order of the stream."""
    await _require_active(session, customer_id)
    order = await find_order(session, order_id, customer_id)
    if order is None:
        raise not_found("order")
    if not is_cancellable(order.state):
        raise ProblemError(types.ORDER_NOT_CANCELLABLE, f"The order is {order.state}.")
    request = OrderCancellationRequested(
        order_id=order_id, customer_id=customer_id, requested_by="customer", reason=reason
    )
    entry = await append_to_timeline(session, request, state=None, headers=headers)
    return Cancellation(order_id=order_id, version=entry.version)


def priced(requested: Sequence[LineRequest], products: Mapping[str, Product]) -> list[OrderedLine]:
    """The lines at the products' present prices; a problem that points at each line whose product is not for sale."""
    missing = [
        FieldError(detail=f"{line.sku} is not for sale", pointer=f"#/lines/{index}/sku")
        for index, line in enumerate(requested)
        if line.sku not in products
    ]
    if missing:
        raise ProblemError(types.PRODUCT_UNAVAILABLE, errors=missing)
    return [
        OrderedLine(sku=line.sku, quantity=line.quantity, unit_price=_price(products[line.sku])) for line in requested
    ]


def order_total(lines: Sequence[OrderedLine]) -> Money:
    """The sum of all lines; a problem when they are in several currencies."""
    currencies = {line.unit_price.currency for line in lines}
    if len(currencies) > 1:
        raise ProblemError(types.MIXED_CURRENCIES, f"The lines are in {', '.join(sorted(currencies))}.")
    return Money(amount=sum(line.quantity * line.unit_price.amount for line in lines), currency=currencies.pop())


def _price(product: Product) -> Money:
    return Money(amount=product.price_amount, currency=product.price_currency)


def _stored_lines(lines: Sequence[OrderedLine], products: Mapping[str, Product]) -> list[tables.OrderLine]:
    return [
        tables.OrderLine(
            sku=line.sku, name=products[line.sku].name, quantity=line.quantity, unit_amount=line.unit_price.amount
        )
        for line in lines
    ]


async def _require_active(session: AsyncSession, customer_id: UUID) -> None:
    # The feed's list of refused customers is seconds old; what writes asks the database.
    if await active_customer(session, customer_id) is None:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
