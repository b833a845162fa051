"""A chart's own tests count only when they ran and passed."""

import shutil
from pathlib import Path

import pytest

from charts import suites

pytestmark = pytest.mark.skipif(shutil.which("helm-unittest") is None, reason="needs helm-unittest: `make charts`")

PASSES = """
suite: settings
tests:
  - it: says who is greeted
    asserts: [{equal: {path: data.whom, value: world}}]
"""
FAILS = PASSES.replace("value: world", "value: nobody")
MISSPELT = PASSES.replace("asserts:", "assert:")


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: greeting\nversion: 0.1.0\n")
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {whom: {{ .Values.whom }}}\n"
    (tmp_path / "templates" / "settings.yaml").write_text(settings)
    (tmp_path / "values.yaml").write_text("whom: world\n")
    return tmp_path


@pytest.mark.parametrize(
    ("suite", "passed", "complaint"),
    [
        (PASSES, 1, ""),
        (FAILS, 0, "Expected to equal"),
        (MISSPELT, 0, "field assert not found"),
        ("suite: empty\ntests: []\n", 0, "no tests found"),
    ],
)
def test_a_suite_is_run_and_its_failure_told(chart: Path, suite: str, passed: int, complaint: str) -> None:
    (chart / "tests" / "settings_test.yaml").write_text(suite)

    ran = suites.run_at(chart)

    assert ran.passed == passed
    assert complaint in ran.complaint
    assert bool(ran.complaint) == bool(complaint)


def test_a_chart_without_tests_is_told(chart: Path) -> None:
    assert suites.run_at(chart) == suites.Ran(0, "it has no tests/*_test.yaml")
