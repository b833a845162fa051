from fastapi import APIRouter

from tandem_api.database import ReadSession
from tandem_api.identity.principal import Customer
from tandem_api.identity.repository import active_customer
from tandem_api.identity.schemas import Me
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError
from tandem_api.problems.responses import AUTHENTICATED, problems

router = APIRouter(tags=["customers"])


@router.get("/me", operation_id="getMe", summary="Who is calling", responses=problems(*AUTHENTICATED))
async def me(customer: Customer, session: ReadSession) -> Me:
    user = await active_customer(session, customer.customer_id)
    if user is None:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
    return Me.model_validate(user)
