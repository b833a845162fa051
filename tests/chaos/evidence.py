"""What is judged: files that anybody could have taken from outside."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from chaos.load.history import Request, read_history, write_history

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Aggregate = tuple[str, str]

# What our own hands put into the streams is marked, so that it can be told from what the system did.
MALFORMED_HEADER = "chaos"
POISON = {"chaos": "poison"}


@dataclass(frozen=True)
class Record:
    """A record of Kafka's log."""

    topic: str
    partition: int
    offset: int
    headers: Mapping[str, str]
    value: str

    @property
    def malformed(self) -> bool:
        """Whether it was put there by us, as none of the system's."""
        return MALFORMED_HEADER in self.headers

    @property
    def poison(self) -> bool:
        return not self.malformed and bool(self.value) and json.loads(self.value) == POISON

    @property
    def aggregate(self) -> Aggregate:
        kind, _, identity = self.headers["ce_subject"].partition("/")
        return kind, identity

    @property
    def version(self) -> int:
        return int(self.headers["ce_aggregateversion"])


@dataclass(frozen=True)
class Evidence:
    """The clients' history, Kafka's whole log, all tables, and the provider's payments and ledger.

    `replayed` are all tables after everything was consumed once more; `quiet_seconds` is how long the healed system
    took to come to rest, None if it did not.
    """

    requests: Sequence[Request] = ()
    records: Sequence[Record] = ()
    tables: Tables = field(default_factory=dict)
    replayed: Tables = field(default_factory=dict)
    payments: Sequence[Row] = ()
    ledger: Sequence[Row] = ()
    quiet_seconds: float | None = None

    def rows(self, table: str) -> Sequence[Row]:
        return self.tables.get(table, ())

    @cached_property
    def poisoned(self) -> dict[Aggregate, int]:
        """Aggregates that we put poison into, and its first version."""
        versions: dict[Aggregate, int] = {}
        for record in self.events():
            if record.poison:
                versions[record.aggregate] = min(record.version, versions.get(record.aggregate, record.version))
        return versions

    @cached_property
    def timelines(self) -> dict[str, list[Row]]:
        """The timeline of each order, in order."""
        timelines: dict[str, list[Row]] = {}
        for entry in sorted(self.rows("orders_timelineentry"), key=lambda row: int(row["version"])):
            timelines.setdefault(entry["order_id"], []).append(entry)
        return timelines

    def events(self) -> Iterator[Record]:
        """The records that are events, in the order of each partition."""
        return (record for record in self.records if not record.malformed)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_history(folder / "requests.jsonl", self.requests)
        with (folder / "kafka.jsonl").open("w") as lines:
            lines.writelines(json.dumps(asdict(record)) + "\n" for record in self.records)
        differing = {name: rows for name, rows in self.replayed.items() if rows != self.tables.get(name)}
        for name, content in (
            ("tables", self.tables),
            ("replay-changed", differing),
            ("provider", {"payments": self.payments, "ledger": self.ledger, "quiet_seconds": self.quiet_seconds}),
        ):
            (folder / f"{name}.json").write_text(json.dumps(content, indent=1))


def read_evidence(folder: Path) -> Evidence:
    tables = json.loads((folder / "tables.json").read_text())
    with (folder / "kafka.jsonl").open() as lines:
        records = [Record(**json.loads(line)) for line in lines]
    return Evidence(
        requests=read_history(folder / "requests.jsonl"),
        records=records,
        tables=tables,
        replayed=tables | json.loads((folder / "replay-changed.json").read_text()),
        **json.loads((folder / "provider.json").read_text()),
    )
