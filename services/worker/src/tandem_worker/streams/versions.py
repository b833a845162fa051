"""Judging a stream by its versions, which count its events from 1 without a gap."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tandem_contracts.envelope import Event

from tandem_worker.streams.sightings import Sighting


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and where it is; without an event, the `remark` says what should be there."""

    place: str
    event: Event | None
    remark: str = ""


class Account:
    """The stream in the order in which it is read, with a remark at whatever is not as it should be.

    `excuse` says why nothing is missing although it is not there, as long as no event was seen; "" if there is none.
    """

    def __init__(self, *, excuse: str) -> None:
        self.entries: list[Entry] = []
        self._excuse = excuse
        self._ids: dict[int, UUID] = {}
        self._highest = 0

    def published(self, sightings: Iterable[Sighting]) -> None:
        for one in sightings:
            if one.event is None:
                self.entries.append(Entry(one.place, None, f"MALFORMED: {one.malformed}"))
            else:
                self._note(one.place, one.event)

    def waiting(self, events: Iterable[Event]) -> None:
        """Events of the outbox, asked before Kafka was: what both have was published meanwhile."""
        for event in events:
            if self._ids.get(event.version) != event.id:
                self._note("outbox", event)

    def complete(self, head: int) -> None:
        """All was read, and `head` events were stated."""
        self._miss(head)

    def _note(self, place: str, event: Event) -> None:
        remark = ""
        if event.version in self._ids:
            again = self._ids[event.version] == event.id
            remark = "duplicate" if again else "CONFLICT: another event has this version"
        elif event.version <= self._highest:
            remark = "LATE: behind later versions"
        else:
            self._miss(event.version - 1)
        self.entries.append(Entry(place, event, remark))
        self._ids.setdefault(event.version, event.id)
        self._highest = max(self._highest, event.version)

    def _miss(self, last: int) -> None:
        """Note that nothing was found up to the version `last`."""
        first = self._highest + 1
        if last < first:
            return
        versions = f"version {last}" if last == first else f"versions {first}-{last}"
        excused = self._excuse and not self._ids
        self.entries.append(Entry("", None, f"{versions} {self._excuse}" if excused else f"MISSING: {versions}"))
        self._highest = last
