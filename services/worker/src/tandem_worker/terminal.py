"""What the commands for people share: lines, tables, and how they end when something is wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import typer

from tandem_worker.consumer.positions import Aggregate


def fail(*lines: str) -> NoReturn:
    """End the command with status 1, and these lines on standard error."""
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(1)


def aggregate(text: str) -> Aggregate:
    """A parser for an argument such as `order/0199…`."""
    kind, _, identity = text.partition("/")
    try:
        return kind, UUID(identity)
    except ValueError:
        raise typer.BadParameter("say the type and the id, such as order/0199…") from None


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as they must be, two spaces between."""
    cells = [headings, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def age(since: datetime) -> str:
    """Such as `3.5 h`."""
    return duration((datetime.now(UTC) - since).total_seconds())


def duration(seconds: float) -> str:
    """Such as `3.5 h`; of little time, `0.25 s`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{max(seconds, 0):.0f} s" if seconds >= 10 else f"{max(seconds, 0):.2g} s"  # noqa: PLR2004


def printable(text: str) -> str:
    """The text without what a terminal would take for a command; what is in a record is not ours to trust."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
