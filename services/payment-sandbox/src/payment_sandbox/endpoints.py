"""HTTP on one side, calls of the provider on the other."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from payment_sandbox import repository, services
from payment_sandbox.authentication import require_api_key
from payment_sandbox.database import Database
from payment_sandbox.idempotency import Call, Calls
from payment_sandbox.schemas import (
    LedgerEntry,
    LedgerPage,
    Payment,
    PaymentList,
    PaymentRequest,
    Problem,
    RefundRequest,
)

_problem: dict[str, Any] = {"model": Problem, "content": {"application/problem+json": {}}}
router = APIRouter(
    prefix="/v1",
    dependencies=[Depends(require_api_key)],
    responses={401: _problem, 422: _problem},
)
_moving: dict[int | str, dict[str, Any]] = {404: _problem, 409: _problem, 500: _problem, 503: _problem}

IdempotencyKey = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=255, description="One per call that moves money.")
]


def _calls(request: Request) -> Calls:
    calls: Calls = request.app.state.calls
    return calls


def _database(request: Request) -> Database:
    return _calls(request).database


TheCalls = Annotated[Calls, Depends(_calls)]
TheDatabase = Annotated[Database, Depends(_database)]


@router.post("/payments", status_code=HTTPStatus.CREATED, response_model=Payment, responses=_moving)
async def take_payment(request: PaymentRequest, key: IdempotencyKey, calls: TheCalls) -> Response:
    """Authorise a card and, unless `capture` is false, take the money. A decline is a 201 with its `decline_code`."""
    act = partial(services.take_payment, request=request)
    return await calls.answer(
        Call(key, "take payment", request, amount=request.amount, status=HTTPStatus.CREATED, act=act)
    )


@router.post("/payments/{payment_id}/capture", response_model=Payment, responses=_moving)
async def capture_payment(payment_id: str, key: IdempotencyKey, calls: TheCalls, database: TheDatabase) -> Response:
    """Take the whole amount that was authorised."""
    payment = await get_payment(payment_id, database)
    act = partial(services.capture_payment, payment_id=payment_id)
    return await calls.answer(
        Call(key, f"capture {payment_id}", None, amount=payment.amount, status=HTTPStatus.OK, act=act)
    )


@router.post(
    "/payments/{payment_id}/refunds", status_code=HTTPStatus.CREATED, response_model=Payment, responses=_moving
)
async def refund_payment(payment_id: str, request: RefundRequest, key: IdempotencyKey, calls: TheCalls) -> Response:
    """Give back part or all of what was captured; answers the payment as it is then."""
    act = partial(services.refund_payment, payment_id=payment_id, amount=request.amount)
    return await calls.answer(
        Call(key, f"refund {payment_id}", request, amount=request.amount, status=HTTPStatus.CREATED, act=act)
    )


@router.get("/payments/{payment_id}", responses={404: _problem})
async def get_payment(payment_id: str, database: TheDatabase) -> Payment:
    def read() -> Payment:
        with database.transaction() as connection:
            return services.get_payment(connection, payment_id)

    return await run_in_threadpool(read)


@router.get("/payments")
async def list_payments(reference: Annotated[str, Query(min_length=1)], database: TheDatabase) -> PaymentList:
    """All payments with the merchant's reference, oldest first."""

    def read() -> list[Payment]:
        with database.transaction() as connection:
            return repository.payments_by_reference(connection, reference)

    return PaymentList(items=await run_in_threadpool(read))


@router.get("/ledger")
async def read_ledger(
    database: TheDatabase,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> LedgerPage:
    """What happened to money, oldest first; entries never change."""

    def read() -> list[LedgerEntry]:
        with database.transaction() as connection:
            return repository.ledger_after(connection, after, limit + 1)

    entries = await run_in_threadpool(read)
    page = entries[:limit]
    return LedgerPage(items=page, next_after=page[-1].id if len(entries) > limit else None)
