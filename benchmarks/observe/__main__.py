"""`python -m benchmarks.observe`: measure what telemetry costs."""

from typing import Annotated

import typer

from benchmarks.api.processors import set_one_aside
from benchmarks.measuring.options import Options
from benchmarks.measuring.report import Report, run_command
from benchmarks.observe import requests, spans, worker

REPORT = Report(
    name="observe",
    title="What telemetry costs",
    measurements={
        "spans": spans.measure,
        "reads": requests.reads,
        "placement": requests.placement,
        "worker": worker.measure,
    },
)

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(help=f"one or several, by comma, of {', '.join(REPORT.measurements)}")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="how often they take turns")] = 5,
    quick: Annotated[bool, typer.Option(help="a tenth as long, for trying; results are shown and not kept")] = False,
) -> None:
    set_one_aside()
    REPORT.run(only, Options(rounds, quick))


if __name__ == "__main__":
    run_command(app)
