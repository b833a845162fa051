"""What a run showed: on the screen, and as a page that is kept."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.measuring.machine import machine
from cluster.kubernetes import nodes
from cluster.run import Outcome, Run


@dataclass(frozen=True)
class Figures:
    """Rows of which all but the first cell are numbers."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def table(self) -> Table:
        table = Table(self.headings[0])
        for heading in self.headings[1:]:
            table.add_column(heading, justify="right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        lines = [self.headings, ("---", *["---:"] * (len(self.headings) - 1)), *self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show(outcome: Outcome, console: Console) -> None:
    for figures in _figures(outcome):
        console.print(figures.table())
    for complaint in outcome.wrong:
        console.print(complaint, highlight=False, markup=False, soft_wrap=True)
    console.print(_verdict(outcome), style="red" if outcome.wrong else "green", highlight=False)


def page(outcome: Outcome, run: Run, facts: dict[str, str]) -> str:
    """Markdown; `facts` are of the machine and the cluster, before the run."""
    made_by = (
        f"Made by `make e2e-cluster` (`RATE={run.rate:g} LOOKS={run.looks:g}`: orders and questions a second);"
        " [docs/deploy.md](../../docs/deploy.md) says what it does. A request failed when its answer was 5xx or none"
        " came; while Postgres or Kafka is away, that may be."
    )
    parts = [
        "# The whole system on a cluster, disturbed under load",
        made_by,
        f"**{_verdict(outcome)}**",
        *(["\n".join(f"- {complaint}" for complaint in outcome.wrong)] if outcome.wrong else []),
        *(figures.markdown() for figures in _figures(outcome)),
        f"<sub>{'; '.join(f'{name} {value}' for name, value in facts.items())}</sub>",
    ]
    return "\n\n".join(parts) + "\n"


def surroundings() -> dict[str, str]:
    """Of the machine, and of the nodes that take pods."""
    found = nodes()
    info = found[0]["status"]["nodeInfo"]
    return machine() | {
        "nodes": str(len(found)),
        "Kubernetes": f"{info['kubeletVersion']}, {info['containerRuntimeVersion']}",
    }


def _figures(outcome: Outcome) -> Iterator[Figures]:
    yield Figures(
        ("since helm began", "seconds"), [(what, f"{seconds:.0f}") for what, seconds in outcome.times.items()]
    )
    yield Figures(
        ("what happened", "seconds", "requests", "failed", "half within ms", "99 % within ms", "slowest ms"),
        [phase.row() for phase in outcome.diary.phases],
    )
    if outcome.memory:
        together = ("together", str(sum(outcome.memory.values())))
        yield Figures(("pod", "MiB"), [*((pod, str(size)) for pod, size in sorted(outcome.memory.items())), together])


def _verdict(outcome: Outcome) -> str:
    failed = sum(one.failed for phase in outcome.diary.phases if phase.planned for one in phase.seen)
    verdict = "Not as it should be" if outcome.wrong else "Held"
    return f"{verdict}: {outcome.requests:,} requests, {failed} failed while something planned happened"
