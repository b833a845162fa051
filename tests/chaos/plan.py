"""Which fault happens when: a function of the seed, and of nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from random import Random

WORKERS = ("relay-1", "relay-2", "orders-1", "orders-2")
SERVICES = (*WORKERS, "api", "admin", "payment")
TO_POSTGRES = tuple(f"{service}→postgres" for service in (*WORKERS, "api", "admin"))
TO_KAFKA = tuple(f"{service}→kafka" for service in (*WORKERS, "api"))
TO_PAYMENT = ("orders-1→payment", "orders-2→payment")
LINKS = (*TO_POSTGRES, *TO_KAFKA, *TO_PAYMENT, "client→api", "api→admin")

# Until the system is warm, and so that something was accepted before the first fault.
FIRST_SECONDS = 6.0
GAP_SECONDS = (1.0, 7.0)
# What a server takes to come back, and to be of use for a moment before the next fault.
REST_SECONDS = {"postgres": 5.0, "kafka": 8.0}


@dataclass(frozen=True)
class Kind:
    """A kind of fault: on what it may fall, how long it may last (seconds), how many of it are in a deck."""

    name: str
    targets: tuple[str, ...]
    seconds: tuple[float, float]
    weight: int = 1
    occupies: str = ""
    """What suffers, if that is not the target: nothing suffers two faults at once."""


@dataclass(frozen=True)
class Fault:
    """One fault of a plan; times are in seconds from the beginning of the load. `choice` in 0…1 decides details."""

    number: int
    kind: str
    target: str
    start: float
    seconds: float
    choice: float

    @property
    def end(self) -> float:
        return self.start + self.seconds

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


KINDS = (
    Kind("kill", SERVICES, (0, 0), weight=5),
    Kind("freeze", SERVICES, (11, 16), weight=2),
    Kind("stop", ("postgres",), (1, 5)),
    Kind("crash", ("postgres",), (0, 3)),
    Kind("end connections", ("postgres",), (0, 0)),
    Kind("hold transaction", ("postgres",), (40, 180)),
    Kind("hold stock row", ("postgres",), (3, 8)),
    Kind("fill disk", ("postgres", "kafka"), (3, 10)),
    Kind("kill", ("kafka",), (0, 2)),
    Kind("stop", ("kafka",), (8, 20)),
    Kind("freeze", ("kafka",), (2, 8)),
    Kind("cut", LINKS, (1, 8), weight=3),
    Kind("silent", LINKS, (3, 12), weight=3),
    Kind("slow", LINKS, (5, 15), weight=2),
    Kind("narrow", LINKS, (5, 15)),
    Kind("failing", TO_PAYMENT, (3, 10)),
    Kind("deliver again", ("tandem.orders",), (0, 0), occupies="kafka"),
    Kind("replay", ("tandem-orders",), (0, 0), occupies="kafka"),
    Kind("malformed records", ("tandem.orders",), (0, 0), occupies="kafka"),
)


def faults(seed: int) -> Iterator[Fault]:
    """The faults of a seed, by time, without end. Nothing suffers two faults at once, but much suffers side by side."""
    random = Random(seed)
    start, number = FIRST_SECONDS, 0
    busy: dict[str, float] = {}
    deferred: list[Kind] = []
    while True:
        deck, deferred = [*deferred, *_deck(random)], []
        for kind in deck:
            target, seconds = random.choice(kind.targets), random.uniform(*kind.seconds)
            choice, gap = random.random(), random.uniform(*GAP_SECONDS)
            suffers = kind.occupies or target
            if busy.get(suffers, 0) > start:
                deferred.append(kind)
                continue
            fault = Fault(number, kind.name, target, round(start, 2), round(seconds, 2), round(choice, 4))
            busy[suffers] = fault.end + REST_SECONDS.get(suffers, 0)
            number += 1
            start += gap
            yield fault


def plan(seed: int, seconds: float) -> list[Fault]:
    """The faults of the seed that begin within `seconds`; a longer run begins as a shorter one of the same seed."""
    return list(takewhile(lambda fault: fault.start < seconds, faults(seed)))


def _deck(random: Random) -> list[Kind]:
    """Every kind as often as it weighs, shuffled: a short run has few repetitions, a long one misses nothing."""
    deck = [kind for kind in KINDS for _ in range(kind.weight)]
    random.shuffle(deck)
    return deck
