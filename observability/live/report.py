"""The findings as tables."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from observability.live.check import Finding


def show(console: Console, title: str, columns: tuple[str, str, str], findings: Sequence[Finding]) -> None:
    table = Table(*columns, "", title=title, title_justify="left")
    for one in findings:
        table.add_row(one.place, escape(one.what), one.found, f"[red]{escape(one.wrong)}[/]" if one.wrong else "✓")
    console.print(table)


def verdict(console: Console, findings: Sequence[Finding]) -> bool:
    """Tell how it stands in a line, and what is wrong in one each; true when nothing is."""
    wrong = [one for one in findings if one.wrong]
    for one in wrong:
        console.print(f"{one.place}: {one.what}: {one.wrong}", style="red", markup=False, soft_wrap=True)
    console.print(f"{len(findings)} looked at, {len(wrong)} wrong")
    return not wrong
