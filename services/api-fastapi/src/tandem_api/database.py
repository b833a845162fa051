"""Connections to Postgres: one pool, sessions to read with, and connections whose every statement is a transaction."""

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool
from tandem_runtime.pool_metrics import watch_pool
from tandem_tables.hints import OutboxHint

from tandem_api.pool import short_queue
from tandem_api.settings import Settings

# What a database that is away, overloaded or restarting looks like: nothing is wrong with the request.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


class Database:
    """The pool. Nothing connects before the first statement."""

    def __init__(self, settings: Settings) -> None:
        self._engine = _engine(settings)
        # One snapshot for all statements of a request: an order and its timeline always agree.
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._committing = self._engine.execution_options(isolation_level="READ COMMITTED")
        self._hint = OutboxHint(self._engine)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session whose transaction cannot write."""
        async with AsyncSession(self._reading, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """As `writing`, for what states no event."""
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, for the rare act that has to look again behind a lock; as `writing` else."""
        async with self._committing.begin() as connection:
            yield connection
        self._hint.give()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit mode: what belongs together is one statement, committed when it returns.

        So a request waits neither for a BEGIN nor for a COMMIT. What is written comes with an event, so the relay gets
        a hint at the end of the block.
        """
        async with self.connection() as connection:
            yield connection
        self._hint.give()

    async def close(self) -> None:
        await self._hint.aclose()
        await self._engine.dispose()


def _engine(settings: Settings) -> AsyncEngine:
    statement_ms = round(settings.database_statement_seconds * 1000)
    lock_ms = round(settings.database_lock_seconds * 1000)
    engine = create_async_engine(
        make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg"),
        poolclass=short_queue(settings.database_queue),
        pool_size=settings.database_pool_size,
        hide_parameters=True,  # they would end in logs: payment tokens are among them
        max_overflow=0,  # a request waits for a connection, briefly; it never makes more of them
        pool_timeout=settings.database_pool_wait_seconds,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
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
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    watch_pool(lambda: cast("QueuePool", engine.pool))
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Let the pool replace a connection that the server has closed, as after a restart.

    As SQLAlchemy's pre-ping, without its round trip: an idle connection has something to read when the server ends it,
    and else hardly ever (a setting was reloaded), when a new one does no harm.
    """
    poll = select.poll()
    poll.register(connection.driver_connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError("closed by the server")


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _writer(request: Request) -> Database:
    return _database(request)


async def _read(request: Request) -> AsyncIterator[AsyncSession]:
    async with _database(request).reading() as session:
        yield session


# scope="function": the connection goes back before the answer leaves.
ReadSession = Annotated[AsyncSession, Depends(_read, scope="function")]
# For those who write: they take a connection when they are sure that they need one.
Writer = Annotated[Database, Depends(_writer)]
