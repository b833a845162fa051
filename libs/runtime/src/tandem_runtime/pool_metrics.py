"""How full a pool of database connections is, whichever library it is of."""

from collections.abc import Callable
from typing import Protocol

from prometheus_client import Gauge

CONNECTIONS = Gauge(
    "tandem_database_pool_connections",
    "Connections of this process's pool; limit is how many there may be.",
    ["state"],
)


class Pool(Protocol):
    """What SQLAlchemy's queueing pools can tell."""

    def checkedout(self) -> int: ...
    def checkedin(self) -> int: ...
    def size(self) -> int: ...


def watch_pool(pool: Callable[[], Pool]) -> None:
    """Measure the pool at each scrape; a process has one, and the last one given is it."""
    CONNECTIONS.labels("in_use").set_function(lambda: pool().checkedout())
    CONNECTIONS.labels("idle").set_function(lambda: pool().checkedin())
    CONNECTIONS.labels("limit").set_function(lambda: pool().size())
