"""`python -m benchmarks.api`: measure the frameworks side by side, and the API's own reads."""

from typing import Annotated

import typer

from benchmarks.api import frameworks, reads
from benchmarks.api.processors import set_one_aside
from benchmarks.measuring.options import Options
from benchmarks.measuring.report import Report, run_command

REPORT = Report(
    name="api",
    title="Django and FastAPI side by side, and the API's reads",
    measurements={name: frameworks.measure(name) for name in frameworks.WORKLOADS} | {"reads": reads.measure},
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
