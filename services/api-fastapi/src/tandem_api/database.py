"""Connections to Postgres: one pool, sessions to read with and sessions that own a transaction."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from tandem_tables.hints import OutboxHint

from tandem_api.settings import Settings

# What a database that is away, overloaded or restarting looks like: nothing is wrong with the request.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


class Database:
    """The pool. Nothing connects before the first statement."""

    def __init__(self, settings: Settings) -> None:
        self._engine = _engine(settings)
        # One snapshot for all statements of a request: an order and its timeline always agree.
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._hint = OutboxHint(self._engine)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session whose transaction cannot write."""
        async with AsyncSession(self._reading, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that commits when the block ends and rolls back when it raises.

        Whatever the API writes comes with an event, so the relay gets a hint.
        """
        async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
            yield session
        self._hint.give()

    async def close(self) -> None:
        await self._hint.aclose()
        await self._engine.dispose()


def on_commit(session: AsyncSession, act: Callable[[], None]) -> None:
    """Call `act` once the session's transaction is committed, and not when it is rolled back."""
    event.listen(session.sync_session, "after_commit", lambda _session: act(), once=True)


def _engine(settings: Settings) -> AsyncEngine:
    statement_ms = round(settings.database_statement_seconds * 1000)
    lock_ms = round(settings.database_lock_seconds * 1000)
    return create_async_engine(
        make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg"),
        pool_size=settings.database_pool_size,
        hide_parameters=True,  # they would end in logs: payment tokens are among them
        max_overflow=0,  # a request waits for a connection, briefly; it never makes more of them
        pool_timeout=settings.database_pool_wait_seconds,
        pool_pre_ping=True,
        connect_args={
            "application_name": "tandem-api",
            "connect_timeout": str(settings.database_connect_seconds),
            "options": f"-c statement_timeout={statement_ms} -c lock_timeout={lock_ms}"
            f" -c idle_in_transaction_session_timeout={2 * statement_ms}",
            # A peer that vanished without a word is noticed in seconds, not after the kernel's minutes.
            "tcp_user_timeout": str(statement_ms),
            "keepalives_idle": "10",
            "keepalives_interval": "5",
            "keepalives_count": "3",
        },
    )


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _read(request: Request) -> AsyncIterator[AsyncSession]:
    async with _database(request).reading() as session:
        yield session


async def _write(request: Request) -> AsyncIterator[AsyncSession]:
    async with _database(request).writing() as session:
        yield session


# scope="function": the connection goes back, and the transaction is committed, before the answer leaves.
ReadSession = Annotated[AsyncSession, Depends(_read, scope="function")]
WriteSession = Annotated[AsyncSession, Depends(_write, scope="function")]
