import json
from uuid import UUID

from fastapi import APIRouter, Response, status

from tandem_api.addresses.repository import addresses_of, carry_out
from tandem_api.addresses.schemas import Address, AddressList, PostalAddress, shown
from tandem_api.addresses.services import add_address
from tandem_api.addresses.statements import CHANGE, MAKE_DEFAULT, REMOVAL
from tandem_api.database import ReadSession, Writer
from tandem_api.identity.principal import AccountOwner, AccountReader
from tandem_api.orders.idempotency import IDEMPOTENT, REPLAYED_HEADER, IdempotentAttempt, response
from tandem_api.problems import types
from tandem_api.problems.errors import not_found
from tandem_api.problems.responses import AUTHENTICATED, WITH_BODY, Responses, problems

router = APIRouter(prefix="/me/addresses", tags=["customers"])

_CREATED: Responses = {
    201: {
        "headers": {"Location": {"description": "path of the address", "schema": {"type": "string"}}, **REPLAYED_HEADER}
    }
}


@router.get("", operation_id="listAddresses", summary="My addresses", responses=problems(*AUTHENTICATED))
async def list_(customer: AccountReader, session: ReadSession) -> AddressList:
    found = await addresses_of(session, customer.customer_id)
    return AddressList(items=[shown(address, is_default=address is found[0]) for address in found])


@router.post(
    "",
    operation_id="addAddress",
    summary="Add an address",
    status_code=status.HTTP_201_CREATED,
    response_model=Address,
    responses=_CREATED | problems(*AUTHENTICATED, *IDEMPOTENT, types.TOO_MANY_ADDRESSES, *WITH_BODY),
)
async def add(customer: AccountOwner, attempt: IdempotentAttempt, body: PostalAddress, database: Writer) -> Response:
    """A customer's first address is the default one."""
    async with database.connection() as connection:
        answer = await add_address(connection, customer.customer_id, attempt, body)
    return response(answer, location=f"/v1/me/addresses/{json.loads(answer.body)['id']}")


@router.get(
    "/{address_id}",
    operation_id="getAddress",
    summary="One of my addresses",
    responses=problems(*AUTHENTICATED, types.NOT_FOUND),
)
async def get(customer: AccountReader, address_id: UUID, session: ReadSession) -> Address:
    found = await addresses_of(session, customer.customer_id)
    for address in found:
        if address.id == address_id:
            return shown(address, is_default=address is found[0])
    raise not_found("address")


@router.put(
    "/{address_id}",
    operation_id="changeAddress",
    summary="Change an address",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(*AUTHENTICATED, types.NOT_FOUND, *WITH_BODY),
)
async def change(customer: AccountOwner, address_id: UUID, body: PostalAddress, database: Writer) -> None:
    """Replaces all of it. Orders that were placed keep the address they were placed with."""
    async with database.connection() as connection:
        if not await carry_out(connection, CHANGE, customer.customer_id, address_id, **body.model_dump()):
            raise not_found("address")


@router.delete(
    "/{address_id}",
    operation_id="removeAddress",
    summary="Remove an address",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(*AUTHENTICATED, types.NOT_FOUND),
)
async def remove(customer: AccountOwner, address_id: UUID, database: Writer) -> None:
    """When it was the default one, the one that was so before is again."""
    async with database.connection() as connection:
        if not await carry_out(connection, REMOVAL, customer.customer_id, address_id):
            raise not_found("address")


@router.put(
    "/{address_id}/default",
    operation_id="makeAddressDefault",
    summary="Make an address the default one",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(*AUTHENTICATED, types.NOT_FOUND),
)
async def make_default(customer: AccountOwner, address_id: UUID, database: Writer) -> None:
    """Orders that name no address go there from now on."""
    async with database.connection() as connection:
        if not await carry_out(connection, MAKE_DEFAULT, customer.customer_id, address_id):
            raise not_found("address")
