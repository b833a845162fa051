"""When events arrived at a consumer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from benchmarks.measuring.surroundings import Surroundings

Event = tuple[UUID, str]
"""An aggregate and an event type: each of our orders has at most one of a type."""


class Arrivals:
    """What a consumer noted; `read` once it has stopped."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def listening(self) -> bool:
        return self._file.exists() and self._file.read_text().startswith("reading")

    def read(self) -> dict[Event, float]:
        """When each event came first, in seconds since the epoch."""
        arrivals: dict[Event, float] = {}
        for line in self._file.read_text().splitlines()[1:]:
            aggregate, kind, arrived = line.split()
            arrivals.setdefault((UUID(aggregate), kind), float(arrived))
        return arrivals


@contextmanager
def noting_arrivals(around: Surroundings) -> Iterator[Arrivals]:
    """Note the arrival of every order's event at a consumer while the block runs."""
    file = around.home / f"arrivals-{around.next_number()}"
    arrivals = Arrivals(file)
    with around.process("arrivals", around.module("events.peers.arrivals", str(file)), {}) as process:
        process.wait_until(lambda: arrivals.listening, stop=around.stop)
        yield arrivals
