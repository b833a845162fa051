"""`make chaos`: faults by seed under load, and a verdict. `python -m chaos judge FOLDER` judges evidence again."""

import secrets
import sys
import time
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from tandem_local.processes import ProcessFailed
from tandem_local.progress import Progress
from tandem_local.stopping import StopRequested, stopping_on_signals

from chaos import soak
from chaos.checker import violations
from chaos.disks import move_into_own_namespace
from chaos.evidence import read_evidence
from chaos.mutants import MUTANTS, on_the_path, schedule
from chaos.plan import plan
from chaos.quiet import QUIET_SECONDS
from chaos.report import show, write_summary
from chaos.run import carry_out

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
console = Console()

FOLDER = Path(sys.prefix).resolve().parent / ".tandem" / "chaos"
VIOLATED, NO_VERDICT = 1, 2
# A system that has lost something never comes to rest.
MUTANTS_PATIENCE_SECONDS = 75


@app.command()
def run(
    seed: Annotated[int | None, typer.Option(help="Of the faults; a random one by default.")] = None,
    minutes: Annotated[float, typer.Option(help="How long there are load and faults.")] = 2.0,
    rate: Annotated[float, typer.Option(help="Orders a second.")] = 6.0,
    folder: Annotated[Path, typer.Option(help="Where each run leaves evidence, logs and summary.")] = FOLDER,
) -> None:
    """Run the system under load and faults, heal it, and judge what became of its promises."""
    move_into_own_namespace()
    seed = secrets.randbelow(10_000) if seed is None else seed
    place = (folder / f"{time.strftime('%Y%m%d-%H%M%S')}-seed-{seed}-{secrets.token_hex(2)}").resolve()
    progress = Progress(console)
    progress.say(f"seed [bold]{seed}[/], {minutes:g} minutes, evidence in {place}")
    try:
        with stopping_on_signals() as stop:
            result = carry_out(
                place,
                plan(seed, minutes * 60),
                seed=seed,
                seconds=minutes * 60,
                rate=rate,
                progress=progress,
                stop=stop,
            )
    except StopRequested as request:
        raise typer.Exit(request.status) from None
    except (ProcessFailed, TimeoutError, KafkaError, psycopg.Error) as failure:
        console.print(f"the run failed, there is no verdict: {failure!r}", style="red", highlight=False, markup=False)
        raise typer.Exit(NO_VERDICT) from None
    result.evidence.write(place)
    found = violations(result.evidence)
    summary = write_summary(place, seed=seed, minutes=minutes, result=result, violated=found)
    show(summary, progress)
    raise typer.Exit(VIOLATED if found else 0)


@app.command("soak")
def soak_(
    minutes: Annotated[float, typer.Option(help="How long there is load.")] = 30.0,
    rate: Annotated[float, typer.Option(help="Orders a second.")] = 4.0,
    looks: Annotated[float, typer.Option(help="Questions a second about catalogue and orders.")] = 40.0,
    folder: Annotated[Path, typer.Option(help="Where each run leaves evidence, logs and summary.")] = FOLDER / "soak",
) -> None:
    """Run the system under steady load, restart Postgres and Kafka meanwhile, and look at answers and memory."""
    move_into_own_namespace()
    place = (folder / time.strftime("%Y%m%d-%H%M%S")).resolve()
    progress, seconds, watch = Progress(console), minutes * 60, soak.Watch(looks, seed=1)
    progress.say(f"{minutes:g} minutes, evidence in {place}")
    try:
        with stopping_on_signals() as stop:
            result = carry_out(
                place,
                soak.restarts(seconds),
                seed=1,
                seconds=seconds,
                rate=rate,
                progress=progress,
                stop=stop,
                beside=watch.over,
            )
    except StopRequested as request:
        raise typer.Exit(request.status) from None
    found = [*violations(result.evidence), *soak.complaints(watch, result)]
    soak.write(watch, place, found)
    show(write_summary(place, seed=1, minutes=minutes, result=result, violated=found), progress)
    soak.show(watch, console)
    raise typer.Exit(VIOLATED if found else 0)


@app.command()
def mutants(
    only: Annotated[str | None, typer.Option(help="One of them, by name.")] = None,
    minutes: Annotated[float, typer.Option(help="How long there are load and faults, for each.")] = 0.8,
    folder: Annotated[Path, typer.Option(help="Where each run leaves evidence and logs.")] = FOLDER / "mutants",
) -> None:
    """Run the system with each of the known defects; the checker has to see every one."""
    chosen = [mutant for mutant in MUTANTS if only in (None, mutant.name)]
    if not chosen:
        raise typer.BadParameter(f"no such mutant; there are {', '.join(mutant.name for mutant in MUTANTS)}")
    table = Table("mutant", "defect", "told by", "")
    survived = False
    for mutant in chosen:
        place = (folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{mutant.name}").resolve()
        place.mkdir(parents=True)
        progress = Progress(console)
        progress.say(f"[bold]{mutant.name}[/]: {mutant.defect}")
        try:
            with stopping_on_signals() as stop, on_the_path(mutant, place):
                result = carry_out(
                    place,
                    schedule(mutant, minutes * 60),
                    seed=1,
                    seconds=minutes * 60,
                    rate=8,
                    progress=progress,
                    stop=stop,
                    patience=MUTANTS_PATIENCE_SECONDS if mutant.told_by else QUIET_SECONDS,
                    brokers=mutant.brokers,
                )
        except StopRequested as request:
            raise typer.Exit(request.status) from None
        result.evidence.write(place)
        told = sorted({violation.partition(":")[0] for violation in violations(result.evidence)})
        as_it_should = bool(set(told) & set(mutant.told_by)) if mutant.told_by else not told
        survived = survived or not as_it_should
        verdict = ("caught" if told else "held") if as_it_should else ("survived" if mutant.told_by else "violated")
        table.add_row(
            mutant.name, mutant.defect, ", ".join(told), f"[{'green' if as_it_should else 'red'}]{verdict}[/]"
        )
    console.print(table)
    raise typer.Exit(VIOLATED if survived else 0)


@app.command()
def judge(folder: Path) -> None:
    """Judge the evidence of an earlier run once more."""
    found = violations(read_evidence(folder))
    for violation in found:
        console.print(violation, highlight=False, markup=False, soft_wrap=True)
    console.print("violated" if found else "all invariants hold")
    raise typer.Exit(VIOLATED if found else 0)


if __name__ == "__main__":
    app(prog_name="chaos")
