"""A POST with an idempotency key happens once; whoever repeats it gets the first one's answer.

The key's row is written in the transaction of what the request did, so one is never there without the other.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables.orders import IdempotencyKey

from tandem_api.metrics import IDEMPOTENT_REPLAYS
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError

REPLAYED = "Idempotent-Replayed"
RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered: `body` as JSON expresses it."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with its key: the same method, path and body have the same `request_hash`."""

    key: str
    request_hash: str


async def _attempt(
    request: Request,
    idempotency_key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="a new random value for each intention, the same one for each try",
            examples=["5ab7c2f0-1f0e-4a35-9a6b-0d6a9a3f4c11"],
        ),
    ],
) -> Attempt:
    content = b"\n".join((request.method.encode(), request.url.path.encode(), await request.body()))
    return Attempt(idempotency_key, hashlib.sha256(content).hexdigest())


IdempotentAttempt = Annotated[Attempt, Depends(_attempt)]


async def earlier_answer(session: AsyncSession, customer_id: UUID, attempt: Attempt) -> Answer | None:
    """The stored answer when this request was made before; None when it is the first, which then owns the key.

    Raises a problem when the key belongs to another request, or when the same one is in progress.
    """
    principal = _principal(customer_id)
    # Held until the transaction ends; two statements, because a snapshot older than the lock would miss the row.
    owned = await session.scalar(select(func.pg_try_advisory_xact_lock(_lock_number(principal, attempt.key))))
    if not owned:
        raise ProblemError(types.REQUEST_IN_PROGRESS, headers={"Retry-After": str(RETRY_SECONDS)})
    query = select(IdempotencyKey).where(IdempotencyKey.principal == principal, IdempotencyKey.key == attempt.key)
    stored = (await session.scalars(query)).one_or_none()
    if stored is None:
        return None
    if stored.request_hash != attempt.request_hash:
        raise ProblemError(types.IDEMPOTENCY_KEY_REUSED)
    IDEMPOTENT_REPLAYS.inc()
    return Answer(stored.response_status, stored.response_body)


async def remember(session: AsyncSession, customer_id: UUID, attempt: Attempt, status: int, body: BaseModel) -> Answer:
    """Store the answer under the attempt's key."""
    answer = Answer(status, body.model_dump(mode="json"))
    await session.execute(
        insert(IdempotencyKey).values(
            principal=_principal(customer_id),
            key=attempt.key,
            request_hash=attempt.request_hash,
            response_status=answer.status,
            response_body=answer.body,
        )
    )
    return answer


def response(answer: Answer, *, location: str | None = None, replayed: bool) -> JSONResponse:
    headers = {}
    if location is not None:
        headers["Location"] = location
    if replayed:
        headers[REPLAYED] = "true"
    return JSONResponse(answer.body, answer.status, headers=headers)


def _principal(customer_id: UUID) -> str:
    return f"customer:{customer_id}"


def _lock_number(principal: str, key: str) -> int:
    digest = hashlib.blake2b(f"{principal}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
