"""Connections to Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool
from tandem_runtime.pool_metrics import watch_pool
from tandem_tables.hints import OutboxHint

# A dead peer is noticed by both ends within half a minute, not after the kernel's two hours.
SERVER_OPTIONS = (
    "-c statement_timeout=15s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
CLIENT_OPTIONS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",  # milliseconds; keepalives pause while data that was sent waits for its answer
}

# Above the server's own statement time-out: who is silent for so long is not there.
ANSWER_SECONDS = 20.0

SessionFactory = async_sessionmaker[AsyncSession]


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """Gives up on a server that does not answer.

    The kernel's time-outs do not see a peer, such as a proxy, that acknowledges what it receives and does nothing else.
    """

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """As the library's, on which all its calls rest; OperationalError when it takes too long, and the end."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await super().wait(*args, **kwargs)
        except TimeoutError as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS} s") from error


@asynccontextmanager
async def session_factory(url: str, *, pool_size: int, application: str) -> AsyncIterator[SessionFactory]:
    """Sessions over a pool of at most `pool_size` connections, closed at the end.

    A connection is not tested before it is used, which would cost each event a round trip: all that uses one is tried
    again when the connection turns out to be lost, and the pool then makes its connections anew.
    """
    engine: AsyncEngine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # they would end in logs: payment tokens are among them
        connect_args={
            "async_creator_fn": BoundedConnection.connect,
            "options": SERVER_OPTIONS,
            "application_name": application,
            **CLIENT_OPTIONS,
        },
    )
    watch_pool(lambda: cast("QueuePool", engine.pool))
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


def autocommit(sessions: SessionFactory) -> AsyncSession:
    """A session of which each statement is a transaction, with no BEGIN and COMMIT to wait for."""
    return sessions(bind=sessions.kw["bind"].execution_options(isolation_level="AUTOCOMMIT"))


def outbox_hint(sessions: SessionFactory) -> OutboxHint:
    """Hints to the relay over the sessions' own pool; close it before the pool."""
    return OutboxHint(sessions.kw["bind"])


async def connect(url: str, *, application: str, options: str = "") -> psycopg.AsyncConnection:
    """One connection in autocommit mode, for what needs a session of its own: the relay's advisory locks.

    `options` are the server's, such as `-c jit=off`, and win over our usual ones.
    """
    conninfo = make_conninfo(url, options=f"{SERVER_OPTIONS} {options}", application_name=application, **CLIENT_OPTIONS)
    return await BoundedConnection.connect(conninfo, autocommit=True)
