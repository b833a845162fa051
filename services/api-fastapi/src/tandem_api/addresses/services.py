"""What customers do with their addresses. Each act is written by one statement, which is its transaction."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_api.addresses.repository import before_creation, write_address
from tandem_api.addresses.schemas import Address, PostalAddress
from tandem_api.addresses.statements import LIMIT
from tandem_api.orders.idempotency import Answer, Attempt, earlier_answer
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError

CREATED = 201


async def add_address(
    connection: AsyncConnection, customer_id: UUID, attempt: Attempt, address: PostalAddress
) -> Answer:
    """Keep another address; the customer's first one is the default."""
    known = await before_creation(connection, customer_id, attempt)
    answer = earlier_answer(attempt, known.stored)
    if answer is not None:
        return answer
    if not known.active:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
    if known.slot is None:
        raise ProblemError(types.TOO_MANY_ADDRESSES, f"There are {LIMIT} already.")
    created = Address(**address.model_dump(), id=known.address_id, is_default=not known.has_others)
    answer = Answer(CREATED, created.model_dump_json())
    await write_address(connection, customer_id, attempt, answer, address, address_id=known.address_id, slot=known.slot)
    return answer
