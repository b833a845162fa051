"""Webhooks in the database. Every query names the partner whose they are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, UniqueViolation
from sqlalchemy import Row, Select, TextClause, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import defer
from tandem_tables.webhooks import Attempt as AttemptRow
from tandem_tables.webhooks import Delivery, Endpoint

from tandem_api.orders.idempotency import Answer, Attempt, StoredAnswer, in_progress, stored_answer, write_once
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError
from tandem_api.webhooks import statements


@dataclass(frozen=True, slots=True)
class Before:
    """What an act has to know. `state` is the endpoint's, `event_id` the delivery's: None when it is not the partner's.

    `id` and `at` are for what the act writes.
    """

    id: UUID
    at: datetime
    endpoints: int
    state: str | None
    event_id: UUID | None
    stored: StoredAnswer | None


async def list_endpoints(
    session: AsyncSession, client_id: str, *, before: UUID | None, limit: int
) -> Sequence[Endpoint]:
    query = _endpoints_of(client_id).order_by(Endpoint.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Endpoint.id < before)
    return (await session.scalars(query)).all()


async def find_endpoint(session: AsyncSession, client_id: str, endpoint_id: UUID) -> Endpoint | None:
    return (await session.scalars(_endpoints_of(client_id).where(Endpoint.id == endpoint_id))).one_or_none()


async def list_deliveries(
    session: AsyncSession, endpoint_id: UUID, *, state: str | None, before: UUID | None, limit: int
) -> Sequence[Delivery]:
    """The latest first. The caller has found the endpoint by its partner."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Delivery.state == state)
    if before is not None:
        query = query.where(Delivery.id < before)
    return (await session.scalars(query.options(defer(Delivery.body), defer(Delivery.last_response)))).all()


async def find_delivery(session: AsyncSession, client_id: str, endpoint_id: UUID, delivery_id: UUID) -> Delivery | None:
    query = (
        select(Delivery)
        .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .where(
            Delivery.id == delivery_id,
            Endpoint.id == endpoint_id,
            Endpoint.client_id == client_id,
            Endpoint.deleted_at.is_(None),
        )
    )
    return (await session.scalars(query)).one_or_none()


async def list_attempts(session: AsyncSession, delivery_id: UUID, *, limit: int) -> Sequence[AttemptRow]:
    query = select(AttemptRow).where(AttemptRow.delivery_id == delivery_id).order_by(AttemptRow.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def before_act(
    connection: AsyncConnection,
    client_id: str,
    attempt: Attempt,
    *,
    endpoint_id: UUID | None = None,
    delivery_id: UUID | None = None,
) -> Before:
    row = (
        await connection.execute(
            statements.BEFORE,
            {
                "client_id": client_id,
                "endpoint_id": endpoint_id,
                "delivery_id": delivery_id,
                "principal": key_owner(client_id),
                "key": attempt.key,
            },
        )
    ).one()
    return Before(row.id, row.at, row.endpoints, row.state, row.event_id, stored_answer(row))


async def write(
    connection: AsyncConnection,
    statement: TextClause,
    attempt: Attempt,
    kept: Answer,
    *,
    client_id: str,
    parameters: Mapping[str, Any],
) -> None:
    """Write what the attempt does and the answer that is kept of it; a problem when another one is doing that."""
    own = {"client_id": client_id, "status": kept.status, "body": kept.body}
    try:
        await write_once(
            connection, statement, attempt, principal=key_owner(client_id), parameters={**own, **parameters}
        )
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):  # a secret that was exchanged in the same moment
            raise in_progress() from error
        if isinstance(error.orig, ForeignKeyViolation):
            raise ProblemError(types.UNAUTHENTICATED, "The client is not registered any more.") from error
        raise


async def change_endpoint(
    connection: AsyncConnection, client_id: str, endpoint_id: UUID, changes: Mapping[str, Any]
) -> Row[Any] | None:
    """The endpoint as it is then; None when the partner has no such one, or it is held and would be enabled."""
    parameters = {"client_id": client_id, "endpoint_id": endpoint_id, **changes}
    return (await connection.execute(statements.CHANGE, parameters)).one_or_none()


async def is_held(connection: AsyncConnection, client_id: str, endpoint_id: UUID) -> bool:
    """Whether it is the partner's, and staff disabled it."""
    held = _endpoints_of(client_id).where(Endpoint.id == endpoint_id, Endpoint.is_held)
    return (await connection.execute(select(held.exists()))).scalar_one()


async def delete_endpoint(connection: AsyncConnection, client_id: str, endpoint_id: UUID) -> bool:
    """False when the partner has no such one."""
    parameters = {"client_id": client_id, "endpoint_id": endpoint_id}
    return (await connection.execute(statements.DELETION, parameters)).one_or_none() is not None


def key_owner(client_id: str) -> str:
    """Whose idempotency key it is; of a fixed length, which a client's id has not."""
    return f"partner:{hashlib.blake2b(client_id.encode(), digest_size=32).hexdigest()}"


def _endpoints_of(client_id: str) -> Select[Endpoint]:
    return select(Endpoint).where(Endpoint.client_id == client_id, Endpoint.deleted_at.is_(None))
