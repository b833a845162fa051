"""`tandem-worker events tail`: a line for each event, as it comes."""

import json
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from tandem_worker.streams.broker import Broker
from tandem_worker.streams.sightings import Sighting, sighting, trace_id
from tandem_worker.terminal import duration, printable


async def sightings(
    broker: Broker, topics: Collection[str], *, types: Collection[str], from_beginning: bool
) -> AsyncIterator[Sighting]:
    """What comes, for ever: events, if `types` has patterns such as `order.*` only such ones, and what is no event."""
    extents = await broker.extents(await broker.partitions(topics))
    starts = {partition: one.beginning if from_beginning else one.end for partition, one in extents.items()}
    async for record in broker.follow(starts):
        seen = sighting(record)
        if not types or seen.event is None or any(fnmatchcase(seen.event.type, pattern) for pattern in types):
            yield seen


def line(seen: Sighting, *, payload: bool) -> str:
    """Time, place, type, aggregate and version, age, trace; below it the payload if that is asked for."""
    cells = [f"{seen.time:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z", f"{seen.place:<25}"]
    event = seen.event
    if event is None:
        return printable("  ".join([*cells, f"MALFORMED: {seen.malformed}"]))
    cells += [
        f"{event.type:<29}",
        f"{event.aggregate_type}/{event.aggregate_id} v{event.version}",
        f"age {duration(_age(seen)):<8}",
        f"trace {trace_id(event.trace) or '-'}",
    ]
    told = printable("  ".join(cells))
    return f"{told}\n    {printable(event.body.decode(errors='replace'))}" if payload else told


def as_json(seen: Sighting, *, payload: bool) -> str:
    """The same as one line of JSON."""
    event = seen.event
    told: dict[str, Any] = {
        "time": seen.time.isoformat(),
        "topic": seen.topic,
        "partition": seen.partition,
        "offset": seen.offset,
    }
    if event is None:
        value = {"payload": _json_or_text(seen.value)} if payload else {}
        return json.dumps(told | {"malformed": seen.malformed} | value)
    told |= {
        "id": str(event.id),
        "type": event.type,
        "source": event.source,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": str(event.aggregate_id),
        "version": event.version,
        "age_seconds": round(_age(seen), 3),
        "trace_id": trace_id(event.trace),
    }
    if payload:
        told["payload"] = _json_or_text(event.body)
    return json.dumps(told)


def _age(seen: Sighting) -> float:
    return (datetime.now(UTC) - seen.time).total_seconds()


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
