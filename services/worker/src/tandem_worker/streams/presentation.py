"""One aggregate's stream as text for a terminal."""

from tandem_worker.consumer.positions import Aggregate
from tandem_worker.dead_letters.presentation import letter_table
from tandem_worker.streams.sightings import trace_id
from tandem_worker.streams.stream import Published, Stored
from tandem_worker.streams.versions import Account, Entry
from tandem_worker.terminal import printable, table

HEADINGS = ("VERSION", "TIME", "TYPE", "WHERE", "TRACE", "")


def stream_page(aggregate: Aggregate, published: Published | None, stored: Stored | None, *, payload: bool) -> str:
    """What could be found out; None stands for what could not be reached."""
    kind, identity = aggregate
    head = "" if stored is None or stored.head is None else f": {stored.head} events"
    lines = [f"{kind}/{identity}{head}"]
    if told := _entries(published, stored):
        rows = table(HEADINGS, [_row(entry) for entry in told]).splitlines()
        lines += ["", rows[0]]
        for row, entry in zip(rows[1:], told, strict=True):
            lines.append(row)
            if payload and entry.event is not None:
                lines.append(f"    {printable(entry.event.body.decode(errors='replace'))}")
    if stored is not None:
        lines += ["", "consumers"]
        lines += [_position(consumer, at, stored) for consumer, at in stored.positions.items()] or ["  none was here"]
        lines += ["", "dead letters", *(f"  {line}" for line in _letters(stored))]
    return "\n".join(lines)


def _entries(published: Published | None, stored: Stored | None) -> list[Entry]:
    if published is None:
        account = Account(excuse="may be in Kafka")
    else:
        account = Account(excuse="no longer in Kafka" if published.removed else "")
        account.published(published.sightings)
    if stored is not None:
        account.waiting(stored.waiting)
        account.complete(stored.head or 0)
    return account.entries


def _row(entry: Entry) -> tuple[object, ...]:
    event = entry.event
    if event is None:
        return "", "", "", entry.place, "", printable(entry.remark)
    time = f"{event.time:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"
    return event.version, time, printable(event.type), entry.place, printable(trace_id(event.trace)), entry.remark


def _position(consumer: str, at: int, stored: Stored) -> str:
    behind = (stored.head or at) - at
    return f"  {consumer}: at version {at}" + (f", {behind} to go" if behind else "")


def _letters(stored: Stored) -> list[str]:
    return letter_table(stored.letters).splitlines() if stored.letters else ["none"]
