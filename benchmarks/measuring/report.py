"""Runs measurements, and brings a report of them up to date: results, table and plot."""

import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from tandem_local.processes import ProcessFailed
from tandem_local.stopping import StopRequested, stopping_on_signals

from benchmarks.measuring.machine import conditions
from benchmarks.measuring.options import Options
from benchmarks.measuring.plot import plot
from benchmarks.measuring.results import RESULTS, Result, load, save
from benchmarks.measuring.surroundings import ROOT, Surroundings, surroundings
from benchmarks.measuring.table import markdown, text

KEPT_LOGS = ROOT / ".tandem" / "benchmark-logs"


@dataclass(frozen=True, slots=True)
class Report:
    """`make bench-<name>` writes it to results/<name>.json, .md and .svg; those in `long` run only when asked for."""

    name: str
    title: str
    measurements: Mapping[str, Callable[[Surroundings, Options], Result]]
    long: frozenset[str] = frozenset()

    @property
    def target(self) -> str:
        return f"make bench-{self.name}"

    def file(self, suffix: str) -> Path:
        return RESULTS / f"{self.name}{suffix}"

    def run(self, only: str, options: Options) -> None:
        """Measure those that `only` names, by comma, or all that are not long; the others' results stay."""
        names = only.split(",") if only else [name for name in self.measurements if name not in self.long]
        if unknown := set(names) - set(self.measurements):
            raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(self.measurements)}")
        results = load(self.file(".json"))
        failed: list[str] = []
        with stopping_on_signals() as stop, surroundings(stop) as around:
            for name in names:
                facts = conditions(around, rounds=options.rounds)
                began = time.monotonic()
                try:
                    result = replace(self.measurements[name](around, options), conditions=facts)
                except Exception:  # noqa: BLE001 - the others can still be measured
                    traceback.print_exc()
                    for kept in (around.home / "logs", around.logs):
                        logs = shutil.copytree(kept, KEPT_LOGS / name, dirs_exist_ok=True)
                    typer.echo(f"the logs of {name} are kept in {logs}", err=True)
                    failed.append(name)
                    continue
                typer.echo(f"\n{text(result)}\n({time.monotonic() - began:.0f} s)")
                if not options.quick:
                    results[name] = result
                    self.write(results)
        if failed:
            sys.exit(f"not measured: {', '.join(failed)}")

    def write(self, results: Mapping[str, Result]) -> None:
        save(results, self.file(".json"))
        self.file(".md").write_text(markdown(self.title, self.target, self.file(".svg").name, results))
        self.file(".svg").write_text(plot(results))


def run_command(app: typer.Typer) -> None:
    """Run the command line; what stops it early is one line, and a status."""
    try:
        app()
    except StopRequested as request:
        sys.exit(request.status)
    except ProcessFailed as failure:
        sys.exit(str(failure))
