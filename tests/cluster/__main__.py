"""`make e2e-cluster`: the charts on the cluster of the current kubeconfig, under load, and a verdict."""

import secrets
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from tandem_local.progress import Progress
from tandem_local.scenario import ScenarioFailedError
from tandem_local.stopping import StopRequested, stopping_on_signals

from cluster.kubernetes import KubernetesError
from cluster.report import page, show, surroundings
from cluster.run import Run

FOLDER = Path(sys.prefix).resolve().parent / ".tandem" / "cluster"
WRONG, NO_VERDICT = 1, 2
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "cluster.md"
console = Console()


def main(
    tag: Annotated[str, typer.Option(help="Of the images, which the cluster's nodes can see.")],
    new_tag: Annotated[str, typer.Option(help="Of the images to upgrade to.")],
    rate: Annotated[float, typer.Option(help="Orders a second.")] = 2.0,
    looks: Annotated[float, typer.Option(help="Questions a second.")] = 20.0,
    keep: Annotated[bool, typer.Option(help="Leave the namespace there, to look at it.")] = False,
) -> None:
    """Install the charts in a namespace of their own, disturb them under load, and judge what the clients saw.

    Writes benchmarks/results/cluster.md.
    """
    name = f"tandem-e2e-{secrets.token_hex(3)}"
    folder = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    folder.mkdir(parents=True)
    progress = Progress(console)
    progress.say(f"namespace [bold]{name}[/], evidence in {folder}")
    try:
        with stopping_on_signals() as stop:
            facts = surroundings()
            run = Run(folder, progress, stop, (tag, new_tag), rate, looks)
            outcome = run.carry_out(name, keep=keep)
    except StopRequested as request:
        raise typer.Exit(request.status) from None
    except (KubernetesError, ScenarioFailedError, TimeoutError) as failure:
        console.print(f"the run failed, there is no verdict: {failure}", style="red", highlight=False, markup=False)
        raise typer.Exit(NO_VERDICT) from None
    show(outcome, console)
    RESULTS.write_text(page(outcome, run, facts))
    raise typer.Exit(WRONG if outcome.wrong else 0)


if __name__ == "__main__":
    typer.run(main)
