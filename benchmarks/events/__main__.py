"""`python -m benchmarks.events`: measure the event backbone."""

from typing import Annotated

import typer

from benchmarks.events import backlog, consumer, end_to_end, hold, latency, placement, relay
from benchmarks.measuring.options import Options
from benchmarks.measuring.report import Report, run_command

REPORT = Report(
    name="events",
    title="The event backbone, measured",
    measurements={
        "placement": placement.measure,
        "relay": relay.measure,
        "latency": latency.measure,
        "consumer": consumer.measure,
        "end_to_end": end_to_end.measure,
        "backlog": backlog.measure,
        "hold": hold.measure,
    },
    long=frozenset({"backlog", "hold"}),
)

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(help=f"one or several, by comma, of {', '.join(REPORT.measurements)}")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="how often subject and peer take turns")] = 5,
    quick: Annotated[bool, typer.Option(help="a tenth as long, for trying; results are shown and not kept")] = False,
    rows: Annotated[int, typer.Option(min=1000, help="in the outbox, for backlog")] = 10_000_000,
    hold: Annotated[int, typer.Option(min=10, help="seconds that a transaction stays open, for hold")] = 600,
) -> None:
    REPORT.run(only, Options(rounds, quick, rows, hold))


if __name__ == "__main__":
    run_command(app)
