"""The rules with time running faster: windows, pauses and ages are a twentieth, shares and counts are as they were.

So an alert that waits for an hour can be seen firing, and ending, in minutes, against the running system.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from observability.ruleset import rule_files
from observability.slos import RECORDED_SECONDS

FACTOR = 20
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW = re.compile(r"\[(\d+)([smhd])\]")
# An age that is compared with a number of seconds; a histogram's bounds stay what they are.
_AGE = re.compile(r"(_seconds(?:\{[^}]*\})?\)* > )(\d+)$", re.MULTILINE)


def hurried_files(folder: Path) -> list[Path]:
    """Write every rule file, hurried, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in rule_files():
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = hurried_duration(group["interval"])
            for rule in group["rules"]:
                _hurry(rule)
        written.append(folder / path.name)
        written[-1].write_text(yaml.safe_dump(rules))
    return written


def _hurry(rule: dict[str, Any]) -> None:
    rule["expr"] = hurried_expression(rule["expr"])
    if "for" in rule:
        rule["for"] = hurried_duration(rule["for"])


def hurried_expression(expression: str) -> str:
    expression = _WINDOW.sub(lambda found: f"[{hurried_duration(found[1] + found[2])}]", expression)
    expression = expression.replace(f"* {RECORDED_SECONDS} >=", f"* {RECORDED_SECONDS / FACTOR} >=")
    return _AGE.sub(lambda found: f"{found[1]}{int(found[2]) / FACTOR:g}", expression)


def hurried_duration(duration: str) -> str:
    """In milliseconds: Prometheus knows whole numbers only."""
    return f"{int(duration[:-1]) * _UNITS[duration[-1]] * 1000 // FACTOR}ms"
