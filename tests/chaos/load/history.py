"""What the clients did and were told, as they alone know it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "failed", "unknown"]


@dataclass
class Try:
    """One time a request was sent: what was answered, or no status. `at` is seconds since the epoch."""

    at: float
    seconds: float
    status: int | None
    answer: dict[str, Any] | None = None
    error: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.status is None or self.status >= 500:
            return "unknown"
        return "ok" if self.status < 400 else "failed"


@dataclass
class Request:
    """What somebody wanted, with all tries, which share a key.

    `order_id` is the order that a follow-up is about; `lines` are the pieces by SKU that an order is for.
    """

    kind: str
    who: str
    key: str = ""
    order_id: str = ""
    lines: dict[str, int] = field(default_factory=dict)
    tries: list[Try] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """Ok when one try was; failed when each was refused, so that nothing may have happened; unknown else."""
        outcomes = {attempt.outcome for attempt in self.tries}
        if "ok" in outcomes:
            return "ok"
        return "failed" if outcomes == {"failed"} else "unknown"

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What the tries that went well were answered."""
        return [attempt.answer or {} for attempt in self.tries if attempt.outcome == "ok"]


def write_history(file: Path, requests: Iterable[Request]) -> None:
    with file.open("w") as lines:
        for request in requests:
            lines.write(json.dumps(asdict(request)) + "\n")


def read_history(file: Path) -> list[Request]:
    with file.open() as lines:
        records = [json.loads(line) for line in lines]
    return [Request(**record | {"tries": [Try(**attempt) for attempt in record["tries"]]}) for record in records]
