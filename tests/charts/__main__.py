"""`make charts`: the charts, judged without a cluster. `python -m charts schemas` writes their schemas."""

import sys

import typer
from rich.console import Console

from charts import operator_types, static
from charts import schemas as value_schemas

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
console = Console()


@app.command()
def check() -> None:
    """Each chart with each of its example values, by helm 3 and 4, against each version of Kubernetes."""
    found = [f"{file} is not up to date: python -m charts schemas" for file in value_schemas.stale()]
    table, wrong = static.check_all()
    console.print(table)
    if told := operator_types.unchecked():
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    for complaint in [*found, *wrong]:
        console.print(complaint, highlight=False, markup=False, soft_wrap=True)
    if found or wrong:
        sys.exit(1)


@app.command()
def schemas() -> None:
    """Write each chart's values.schema.json from its values.yaml."""
    value_schemas.write()


if __name__ == "__main__":
    app(prog_name="charts")
