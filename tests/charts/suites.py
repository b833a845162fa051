"""What each chart's own tests say: its tests/*_test.yaml, run by helm-unittest."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from charts.rendering import CHARTS


@dataclass(frozen=True)
class Ran:
    passed: int
    complaint: str
    """What helm-unittest said, when anything failed or there is nothing to run."""


def run(chart: str) -> Ran:
    return run_at(CHARTS / chart)


def run_at(chart: Path) -> Ran:
    if not list(chart.glob("tests/*_test.yaml")):
        return Ran(0, "it has no tests/*_test.yaml")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # Strict: a suite with a misspelt key would test less than it says. A subchart is run where it is.
        options = ["--strict", "--with-subchart=false", "--output-type=JUnit", f"--output-file={report}"]
        done = subprocess.run(["helm-unittest", *options, str(chart)], capture_output=True, text=True, check=False)
        cases = list(ET.parse(report).iter("testcase")) if report.exists() else []
    passed = sum(1 for case in cases if not len(case))
    return Ran(passed, done.stdout + done.stderr if done.returncode else "")
