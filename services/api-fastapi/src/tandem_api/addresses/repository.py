"""Addresses in the database. Every query names their owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import TextClause, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tandem_tables.addresses import Address

from tandem_api.addresses.schemas import PostalAddress
from tandem_api.addresses.statements import BEFORE_CREATION, CREATION
from tandem_api.orders.idempotency import (
    Answer,
    Attempt,
    StoredAnswer,
    in_progress,
    key_owner,
    stored_answer,
    write_once,
)


@dataclass(frozen=True, slots=True)
class BeforeCreation:
    """`slot` is the lowest that is free, None if there is none."""

    active: bool
    stored: StoredAnswer | None
    address_id: UUID
    slot: int | None
    has_others: bool


async def addresses_of(session: AsyncSession, owner: UUID) -> Sequence[Address]:
    """All of the customer's, the default one first."""
    query = (
        select(Address)
        .where(Address.customer_id == owner)
        .order_by(Address.default_since.desc().nulls_last(), Address.id)
    )
    return (await session.scalars(query)).all()


async def before_creation(connection: AsyncConnection, customer_id: UUID, attempt: Attempt) -> BeforeCreation:
    parameters = {"customer_id": customer_id, "principal": key_owner(customer_id), "key": attempt.key}
    row = (await connection.execute(BEFORE_CREATION, parameters)).one()
    return BeforeCreation(row.active, stored_answer(row), row.address_id, row.slot, row.has_others)


async def write_address(
    connection: AsyncConnection,
    customer_id: UUID,
    attempt: Attempt,
    answer: Answer,
    address: PostalAddress,
    *,
    address_id: UUID,
    slot: int,
) -> None:
    """Write address and answer; a problem when another request holds the attempt's key, or took the slot meanwhile."""
    parameters = {"customer_id": customer_id, "address_id": address_id, "slot": slot, "body": answer.body}
    try:
        await write_once(
            connection,
            CREATION,
            attempt,
            principal=key_owner(customer_id),
            parameters=parameters | {"status": answer.status} | address.model_dump(),
        )
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):
            raise in_progress() from error
        raise


async def carry_out(
    connection: AsyncConnection, statement: TextClause, customer_id: UUID, address_id: UUID, **values: str
) -> bool:
    """Change one address of the customer by one of `statements`; False when they have no such address."""
    parameters = {"customer_id": customer_id, "address_id": address_id, **values}
    return (await connection.execute(statement, parameters)).one_or_none() is not None
