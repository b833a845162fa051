"""`make charts`: the charts, judged without a cluster. `make charts-generate`: what is written from their values."""

import sys
from pathlib import Path

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from charts import readmes, static, suites
from charts import schemas as value_schemas
from charts.conformity import VERSIONS
from charts.rendering import CHARTS, NAMES

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
# Wide enough for the tables wherever it is printed.
console = Console(width=140, highlight=False, markup=False, soft_wrap=True)


@app.command()
def check() -> None:
    """Each chart with each of its example values, by helm 3 and 4, for each version of Kubernetes; its own tests."""
    stale = [
        f"{file.relative_to(CHARTS)} is not up to date: make charts-generate"
        for file in (*value_schemas.stale(), *readmes.stale())
    ]
    undescribed = [f"{value}: values.yaml does not say what it is" for value in readmes.undescribed()]
    cases = static.check_all()
    ran = {chart: suites.run(chart) for chart in NAMES}
    console.print(_table(cases, ran))
    complaints = [f"{chart}: helm-unittest: {own.complaint}" for chart, own in ran.items() if own.complaint]
    ignored = [f"kube-score: {test} is ignored, but nothing fails it" for test in static.ignored_for_nothing(cases)]
    wrong = [*stale, *undescribed, *complaints, *ignored, *(line for case in cases for line in case.wrong)]
    for complaint in wrong:
        console.print(complaint)
    if wrong:
        sys.exit(1)


@app.command()
def generate() -> None:
    """Write each chart's values.schema.json and README.md."""
    value_schemas.write()
    readmes.write()


@app.command()
def schema(folder: Path) -> None:
    """Print the values.schema.json of a chart that is made of the library, wherever it is."""
    typer.echo(value_schemas.text_of(folder), nl=False)


def _table(cases: list[static.Case], ran: dict[str, suites.Ran]) -> Table:
    """How often each check passed: once for each helm and each version where they make a difference."""
    versions = f"Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}, helm 3 and 4"
    table = Table("chart", "values", *static.CHECKS, "helm-unittest", box=box.MARKDOWN, caption=versions)
    for case in cases:
        counts = (str(case.passed[check]) for check in static.CHECKS)
        table.add_row(case.chart, case.values.stem, *counts)
    for chart, own in ran.items():
        table.add_row(chart, "its own tests", *("" for _ in static.CHECKS), str(own.passed))
    return table


if __name__ == "__main__":
    app(prog_name="charts")
