"""A POST with an idempotency key happens once; whoever repeats it gets the first one's answer.

The key's row is written by the statement that writes what the request did, so one is never there without the other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from psycopg.errors import UniqueViolation
from sqlalchemy import Row, TextClause
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tandem_api.metrics import IDEMPOTENT_REPLAYS
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError

REPLAYED = "Idempotent-Replayed"
RETRY_SECONDS = 1
# How operations with a key declare themselves.
IDEMPOTENT = (types.IDEMPOTENCY_KEY_REQUIRED, types.IDEMPOTENCY_KEY_REUSED, types.REQUEST_IN_PROGRESS)
REPLAYED_HEADER = {
    REPLAYED: {"description": "`true` when this is the stored answer", "schema": {"type": "string", "enum": ["true"]}}
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered: `body` is JSON; `replayed` tells that it was stored by an earlier one."""

    status: int
    body: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with its key: the same method, path and body have the same `request_hash`."""

    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer to the request of this hash."""

    request_hash: str
    answer: Answer


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


def earlier_answer(attempt: Attempt, stored: StoredAnswer | None) -> Answer | None:
    """The answer that is stored under the attempt's key; None when there is none.

    Raises a problem when the key belongs to another request.
    """
    if stored is None:
        return None
    if stored.request_hash != attempt.request_hash:
        raise ProblemError(types.IDEMPOTENCY_KEY_REUSED)
    IDEMPOTENT_REPLAYS.inc()
    return stored.answer


def in_progress() -> ProblemError:
    """For a request whose key another one holds at this moment."""
    return ProblemError(types.REQUEST_IN_PROGRESS, headers={"Retry-After": str(RETRY_SECONDS)})


def response(answer: Answer, *, location: str | None = None) -> Response:
    headers = {}
    if location is not None:
        headers["Location"] = location
    if answer.replayed:
        headers[REPLAYED] = "true"
    return Response(answer.body, answer.status, headers=headers, media_type="application/json")


def key_owner(customer_id: UUID) -> str:
    """Whose key it is: customers choose theirs independently."""
    return f"customer:{customer_id}"


def lock_number(principal: str, key: str) -> int:
    """The advisory lock that stands for the key."""
    digest = hashlib.blake2b(f"{principal}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


async def write_once(
    connection: AsyncConnection,
    statement: TextClause,
    attempt: Attempt,
    *,
    principal: str,
    parameters: Mapping[str, Any],
) -> str:
    """Execute a statement that writes what the attempt does, and its key; returns what the statement does.

    A problem when another request holds the key.
    """
    try:
        written = await connection.execute(
            statement,
            {
                "lock": lock_number(principal, attempt.key),
                "principal": principal,
                "key": attempt.key,
                "request_hash": attempt.request_hash,
                **parameters,
            },
        )
    except IntegrityError as error:
        # Another one was written since this one looked; the statement took everything back.
        if isinstance(error.orig, UniqueViolation) and error.orig.diag.table_name == "orders_idempotencykey":
            raise in_progress() from error
        raise
    row = written.one_or_none()
    if row is None:
        raise in_progress()
    return str(row[0])


def stored_answer(row: Row[Any]) -> StoredAnswer | None:
    """What a row with the columns of `statements.KNOWN` says was answered before."""
    if row.request_hash is None:
        return None
    return StoredAnswer(row.request_hash, Answer(row.response_status, row.response_body, replayed=True))
