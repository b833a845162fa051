"""What the clients saw while something happened to the system."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chaos.load.history import Request
from chaos.load.readers import CATALOGUE, Look
from chaos.soak import ANSWER_SECONDS, RECOVERY_SECONDS

NOTHING_SENT = "nothing was sent"


@dataclass(frozen=True)
class Seen:
    """One request as its client saw it; `status` is none when no answer came. Times are seconds since the epoch."""

    kind: str
    at: float
    seconds: float
    status: int | None
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the system did not do its part. A refusal with a reason is an answer."""
        return self.status is None or self.status >= 500 or NOTHING_SENT in self.error


@dataclass
class Phase:
    """A stretch of time; in a planned one no request may fail."""

    what: str
    planned: bool
    began: float
    ended: float = 0.0
    seen: list[Seen] = field(default_factory=list)

    def contains(self, one: Seen) -> bool:
        after = 0.0 if self.planned else RECOVERY_SECONDS
        return one.at < self.ended + after and one.at + one.seconds > self.began

    def row(self) -> tuple[str, ...]:
        """What happened, seconds, requests, how many failed; milliseconds of the median, of 99 %, of the slowest."""
        taken = sorted(1000 * one.seconds for one in self.seen) or [0.0]
        figures = (taken[len(taken) // 2], taken[len(taken) * 99 // 100], taken[-1])
        failed = sum(one.failed for one in self.seen)
        return (
            self.what,
            f"{self.ended - self.began:.0f}",
            f"{len(self.seen):,}",
            str(failed),
            *(f"{figure:,.0f}" for figure in figures),
        )


@dataclass
class Diary:
    phases: list[Phase] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @contextmanager
    def phase(self, what: str, *, planned: bool) -> Iterator[None]:
        phase = Phase(what, planned, time.time())
        yield
        phase.ended = time.time()
        self.phases.append(phase)

    def fill(self, requests: Sequence[Request], looks: Sequence[Look]) -> list[str]:
        """Give each phase what was seen in it; returns what may not be."""
        self.seen = [
            Seen(request.kind, attempt.at, attempt.seconds, attempt.status, attempt.error)
            for request in requests
            for attempt in request.tries
        ]
        self.seen += [Seen(look.kind, look.at, look.seconds, look.status, look.wrong) for look in looks]
        for phase in self.phases:
            phase.seen = [one for one in self.seen if phase.contains(one)]
        away = [phase for phase in self.phases if not phase.planned]
        wrong: dict[str, list[str]] = defaultdict(list)
        for one in self.seen:
            excused = any(phase.contains(one) for phase in away) and one.kind not in CATALOGUE
            if one.failed and not excused:
                wrong[f"{self._when(one)}: {one.kind}: {one.status}"].append(one.error)
            elif one.status == 200 and one.error:
                wrong[f"{one.kind}: a wrong answer"].append(one.error)
            if one.seconds > ANSWER_SECONDS:
                wrong[f"{self._when(one)}: {one.kind}: late"].append(f"{one.seconds:.1f} s")
        return [f"{what}, {len(said)} times, first: {said[0]}" for what, said in wrong.items()]

    def write(self, folder: Path) -> None:
        """Every request that failed, to be laid beside the pods' logs, and when each phase was."""
        with (folder / "failed.jsonl").open("w") as lines:
            for one in sorted(self.seen, key=lambda one: one.at):
                if one.failed:
                    lines.write(json.dumps({"phase": self._when(one)} | asdict(one)) + "\n")
        phases = [{"what": phase.what, "began": phase.began, "ended": phase.ended} for phase in self.phases]
        (folder / "phases.json").write_text(json.dumps(phases, indent=1) + "\n")

    def _when(self, one: Seen) -> str:
        return next((phase.what for phase in self.phases if phase.contains(one)), "between")
