"""The effect that all consumers have, a row an event, and how many of them are committed, since when."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from tandem_contracts.envelope import Event

# The worker may write it. Unique, so that an effect that came twice would be seen.
TABLE = """
    CREATE TABLE benchmark_effect (
        consumer text, order_id uuid, version bigint, total bigint, PRIMARY KEY (consumer, order_id, version)
    );
    GRANT SELECT, INSERT ON benchmark_effect TO tandem_worker;
"""


def total_of(event: Event) -> int:
    return int(json.loads(event.body)["total"]["amount"])


class Clock:
    """From the first effect's beginning to the commit of the last; then writes events per second to the file."""

    def __init__(self, events: int, file: Path) -> None:
        self._left = self._events = events
        self._file = file
        self._began: float | None = None

    def begin(self) -> None:
        if self._began is None:
            self._began = time.monotonic()

    def committed(self, events: int) -> bool:
        """Whether all are."""
        self._left -= events
        if self._left == 0 and self._began is not None:
            self._file.write_text(str(self._events / (time.monotonic() - self._began)))
        return self._left == 0


def parameters(consumer: str, events: Sequence[Event]) -> dict[str, object]:
    return {
        "consumer": consumer,
        "orders": [event.aggregate_id for event in events],
        "versions": [event.version for event in events],
        "totals": [total_of(event) for event in events],
    }
