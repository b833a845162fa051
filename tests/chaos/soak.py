"""A long run under steady load, in which Postgres and Kafka are restarted and nothing else happens."""

import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from rich.console import Console
from rich.table import Table

from chaos.conductor import Injected
from chaos.load.readers import CATALOGUE, Look, Readers
from chaos.load.shop import Shop
from chaos.plan import Fault
from chaos.run import Result
from chaos.stage import Stage

SAMPLE_SECONDS = 5.0
# What the API itself allows for an answer (TANDEM_REQUEST_SECONDS), and a second for a busy machine.
ANSWER_SECONDS = 11.0
# After a server is back, the API may be without it for so long: pauses between attempts, the pool's dead connections.
RECOVERY_SECONDS = 15.0
# Between the second and the last quarter of the run.
GROWTH, GROWTH_BYTES = 1.10, 4 * 2**20


def restarts(seconds: float) -> list[Fault]:
    """Three of them, in the third quarter: what comes before and after is compared."""
    moments = (("stop", "postgres", 0.52, 10.0), ("crash", "postgres", 0.60, 2.0), ("stop", "kafka", 0.68, 20.0))
    return [
        Fault(number, kind, target, round(seconds * share, 1), lasting, 0.5)
        for number, (kind, target, share, lasting) in enumerate(moments)
    ]


@dataclass
class Watch:
    """What was seen beside the load: the readers' looks, and each service's memory in bytes (PSS) by time."""

    rate: float
    seed: int
    looks: list[Look] = field(default_factory=list)
    memory: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    @contextmanager
    def over(self, stage: Stage, shop: Shop) -> Iterator[None]:
        readers = Readers(shop, self.rate, self.seed, self.looks)
        ended = Event()
        sampler = Thread(target=self._sample, args=[stage, ended], name="memory", daemon=True)
        readers.start()
        sampler.start()
        try:
            yield
        finally:
            ended.set()
            readers.stop()
            sampler.join()

    def _sample(self, stage: Stage, ended: Event) -> None:
        while not ended.wait(SAMPLE_SECONDS):
            for name, service in stage.services.items():
                if (size := service.memory_bytes()) is not None:
                    self.memory.setdefault(name, []).append((time.time(), size))

    def quarters(self) -> dict[str, tuple[float, float]]:
        """Each service's median memory in the second quarter of the run and in the last one."""
        return {name: (_median(sizes, 1), _median(sizes, 3)) for name, sizes in sorted(self.memory.items())}


def _median(samples: Sequence[tuple[float, int]], quarter: int) -> float:
    begin, step = quarter * len(samples) // 4, len(samples) // 4
    return statistics.median(size for _, size in samples[begin : begin + max(1, step)])


def complaints(watch: Watch, result: Result) -> list[str]:
    """Why the run was not as it should be, beside what the checker says."""
    found = [f"{look.kind}: {look.wrong}" for look in watch.looks if look.wrong]
    found += [
        f"{look.kind}: {look.status} after {look.seconds:.1f} s"
        for look in watch.looks
        if not _allowed(look, result.injected) or look.seconds > ANSWER_SECONDS
    ]
    found += [f"{name} ended: {dict(ends)}" for name, ends in result.ends.items()]
    found += [
        f"{name} grew from {before / 2**20:.1f} to {after / 2**20:.1f} MiB"
        for name, (before, after) in watch.quarters().items()
        if after > before * GROWTH + GROWTH_BYTES
    ]
    return found


def _allowed(look: Look, injected: Sequence[Injected]) -> bool:
    """The catalogue is always there; what needs the database may be refused while that is away."""
    if look.status == 200:
        return True
    away = any(
        done.began - ANSWER_SECONDS < look.at < done.healed + RECOVERY_SECONDS
        for done in injected
        if done.fault.target == "postgres"
    )
    return look.status == 503 and look.kind not in CATALOGUE and away


def show(watch: Watch, console: Console) -> None:
    answers = Table("questions", "answers", "200", "503", "half within ms", "99 % within ms", "slowest ms")
    for kind in sorted({look.kind for look in watch.looks}):
        looks = [look for look in watch.looks if look.kind == kind]
        taken = sorted(1000 * look.seconds for look in looks)
        by_status = [sum(look.status == status for look in looks) for status in (200, 503)]
        spread = (taken[len(taken) // 2], taken[int(len(taken) * 0.99)], taken[-1])
        answers.add_row(kind, str(len(looks)), *map(str, by_status), *(f"{each:,.1f}" for each in spread))
    console.print(answers)
    memory = Table("process", "second quarter, MiB", "last quarter, MiB")
    for name, sizes in watch.quarters().items():
        memory.add_row(name, *(f"{size / 2**20:.1f}" for size in sizes))
    console.print(memory)


def write(watch: Watch, folder: Path, found: Sequence[str]) -> None:
    """Everything seen, in `folder`/soak.json."""
    kept: Mapping[str, object] = {
        "complaints": list(found),
        "memory in the second and the last quarter": watch.quarters(),
        "memory": watch.memory,
        "looks": [[look.kind, look.at, look.seconds, look.status] for look in watch.looks],
    }
    (folder / "soak.json").write_text(json.dumps(kept))
