"""`python -m benchmarks.events`: run measurements, and bring results, table and plot up to date."""

import shutil
import sys
import time
import traceback
from dataclasses import replace
from typing import Annotated

import typer
from tandem_local.processes import ProcessFailed
from tandem_local.stopping import StopRequested, stopping_on_signals

from benchmarks.events import backlog, consumer, end_to_end, hold, latency, placement, product_import, relay, threads
from benchmarks.events.machine import conditions
from benchmarks.events.options import Options
from benchmarks.events.plot import plot
from benchmarks.events.results import load, save
from benchmarks.events.surroundings import ROOT, surroundings
from benchmarks.events.table import PLOT, TABLE, markdown, text

MEASUREMENTS = {
    "placement": placement.measure,
    "relay": relay.measure,
    "latency": latency.measure,
    "consumer": consumer.measure,
    "end_to_end": end_to_end.measure,
    "import": product_import.measure,
    "threads": threads.measure,
    "backlog": backlog.measure,
    "hold": hold.measure,
}
# They take long, so they run only when they are asked for.
LONG = {"backlog", "hold"}
KEPT_LOGS = ROOT / ".tandem" / "benchmark-logs"


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(help=f"one or several, by comma, of {', '.join(MEASUREMENTS)}")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="how often subject and peer take turns")] = 5,
    quick: Annotated[bool, typer.Option(help="a tenth as long, for trying; results are shown and not kept")] = False,
    rows: Annotated[int, typer.Option(min=1000, help="in the outbox, for backlog")] = 10_000_000,
    hold: Annotated[int, typer.Option(min=10, help="seconds that a transaction stays open, for hold")] = 600,
) -> None:
    names = only.split(",") if only else [name for name in MEASUREMENTS if name not in LONG]
    if unknown := set(names) - set(MEASUREMENTS):
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(MEASUREMENTS)}")
    options = Options(rounds, quick, rows, hold)
    results = load()
    failed: list[str] = []
    with stopping_on_signals() as stop, surroundings(stop) as around:
        for name in names:
            facts = conditions(around, rounds=rounds)
            began = time.monotonic()
            try:
                result = replace(MEASUREMENTS[name](around, options), conditions=facts)
            except Exception:  # noqa: BLE001 - the others can still be measured
                traceback.print_exc()
                logs = shutil.copytree(around.home / "logs", KEPT_LOGS / name, dirs_exist_ok=True)
                typer.echo(f"the logs of {name} are kept in {logs}", err=True)
                failed.append(name)
                continue
            typer.echo(f"\n{text(result)}\n({time.monotonic() - began:.0f} s)")
            if not quick:
                results[name] = result
                save(results)
                TABLE.write_text(markdown(results))
                PLOT.write_text(plot(results))
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    try:
        app()
    except StopRequested as request:
        sys.exit(request.status)
    except ProcessFailed as failure:
        sys.exit(str(failure))
