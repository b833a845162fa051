"""Each chart's README.md, which helm-docs makes of values.yaml, README.md.gotmpl and what all have in common."""

import re
import subprocess
from pathlib import Path

from charts.rendering import CHARTS, NAMES

# A row of the table of values (key, type, default, description) whose last column is empty.
UNDESCRIBED = re.compile(r"^\| (\S+) \| \w+ \|.*\|\s+\|$", re.MULTILINE)


def write() -> None:
    for file, text in _made():
        file.write_text(text)


def stale() -> list[Path]:
    """The files that are not what they should be."""
    return [file for file, text in _made() if not file.exists() or file.read_text() != text]


def undescribed() -> list[str]:
    """Which values nothing is said of."""
    return [f"{file.parent.name}: {value}" for file, text in _made() for value in UNDESCRIBED.findall(text)]


def _made() -> list[tuple[Path, str]]:
    return [(CHARTS / chart / "README.md", _of(chart)) for chart in NAMES]


def _of(chart: str) -> str:
    templates = [f"--template-files={file}" for file in (CHARTS / "readme.gotmpl", "README.md.gotmpl")]
    place = f"--chart-search-root={CHARTS / chart}"
    options = ["--dry-run", "--log-level=error", "--sort-values-order=file", *templates, place]
    return subprocess.run(["helm-docs", *options], capture_output=True, text=True, check=True).stdout.strip() + "\n"
