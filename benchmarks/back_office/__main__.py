"""`python -m benchmarks.back_office`: measure the back office."""

from typing import Annotated

import typer

from benchmarks.back_office import product_import, threads
from benchmarks.measuring.options import Options
from benchmarks.measuring.report import Report, run_command

REPORT = Report(
    name="back-office",
    title="The back office, measured",
    measurements={"import": product_import.measure, "threads": threads.measure},
)

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(help=f"one or several, by comma, of {', '.join(REPORT.measurements)}")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="how often each is measured")] = 5,
    quick: Annotated[bool, typer.Option(help="a tenth as long, for trying; results are shown and not kept")] = False,
) -> None:
    REPORT.run(only, Options(rounds, quick))


if __name__ == "__main__":
    run_command(app)
