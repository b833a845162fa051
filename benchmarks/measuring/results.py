"""What a measurement found, and the file that keeps it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of one subject, once a round; `case` is what it was measured under, such as `32 clients`."""

    subject: str
    case: str
    unit: str
    values: list[float]
    peer: bool = False
    """Whether it is what the product is compared with."""

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> str:
        return f"{number(min(self.values))} to {number(max(self.values))}"


@dataclass(frozen=True, slots=True)
class Aim:
    text: str
    reached: str
    met: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A measurement's figures, with what a reader must know to judge them; `conditions` are the machine's facts."""

    title: str
    series: list[Series]
    aims: list[Aim]
    notes: list[str]
    conditions: dict[str, str] = field(default_factory=dict)
    by_clients: bool = False
    """Whether the cases are numbers of clients: a row each, beside the subjects, for each unit."""


def of_rounds(subject: str, case: str, unit: str, values: list[float], *, peer: bool = False) -> Series:
    return Series(subject, case, unit, [round(value, 3) for value in values], peer)


def at_least(text: str, value: float, bound: float, *, unit: str = "") -> Aim:
    return Aim(text, f"{number(value)}{unit}", met=value >= bound)


def at_most(text: str, value: float, bound: float, *, unit: str = "") -> Aim:
    return Aim(text, f"{number(value)}{unit}", met=value <= bound)


def percentile(values: Sequence[float], part: int) -> float:
    """The value that `part` per cent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * part / 100) - 1)]


def number(value: float) -> str:
    """Three significant digits, thousands apart: 12,345 and 8.42."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def load(file: Path) -> dict[str, Result]:
    """The results of the last runs by measurement; empty when there was none."""
    if not file.exists():
        return {}
    stored: dict[str, dict[str, Any]] = json.loads(file.read_text())
    return {name: _result(result) for name, result in stored.items()}


def save(results: Mapping[str, Result], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({name: asdict(result) for name, result in results.items()}, indent=1) + "\n")


def _result(stored: dict[str, Any]) -> Result:
    series = [Series(**values) for values in stored.pop("series")]
    aims = [Aim(**values) for values in stored.pop("aims")]
    return Result(series=series, aims=aims, **stored)
