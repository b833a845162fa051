from fastapi import APIRouter

from tandem_api.database import ReadSession, Writer
from tandem_api.identity.principal import AccountOwner, Customer
from tandem_api.identity.repository import active_customer, rename
from tandem_api.identity.schemas import Me, ProfileChange
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError
from tandem_api.problems.responses import AUTHENTICATED, WITH_BODY, problems

router = APIRouter(tags=["customers"])


@router.get("/me", operation_id="getMe", summary="Who is calling", responses=problems(*AUTHENTICATED))
async def me(customer: Customer, session: ReadSession) -> Me:
    user = await active_customer(session, customer.customer_id)
    if user is None:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
    return Me.model_validate(user)


@router.patch("/me", operation_id="changeMe", summary="Change my name", responses=problems(*AUTHENTICATED, *WITH_BODY))
async def change_me(customer: AccountOwner, body: ProfileChange, database: Writer) -> Me:
    async with database.connection() as connection:
        changed = await rename(connection, customer.customer_id, body.name)
    if changed is None:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
    return Me.model_validate(changed)
