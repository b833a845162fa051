"""Connections to Postgres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

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

SessionFactory = async_sessionmaker[AsyncSession]


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
        connect_args={"options": SERVER_OPTIONS, "application_name": application, **CLIENT_OPTIONS},
    )
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


async def connect(url: str, *, application: str) -> psycopg.AsyncConnection:
    """One connection in autocommit mode, for what needs a session of its own: the relay's advisory locks."""
    conninfo = make_conninfo(url, options=SERVER_OPTIONS, application_name=application, **CLIENT_OPTIONS)
    return await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
