"""`.ci/run` and the workflow's matrix check the same, with the same programs."""

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
Asked = set[tuple[str, ...]]


def asked_of_make(script: str) -> Asked:
    """Each target with the variables that it is given: `make lint types` is `make lint` and `make types`."""
    asked: Asked = set()
    for given in re.findall(r"^\s*(?:\w+=\S+ )*make (.+)$", script, re.MULTILINE):
        words = shlex.split(given)
        variables = sorted(word for word in words if "=" in word)
        asked |= {(target, *variables) for target in words if "=" not in target}
    return asked


def installed(script: str) -> set[str]:
    """The names after apt-get's options."""
    found = re.findall(r"apt-get install ((?:-\S+ )*)([\w\- ]+)", script)
    return {name for _, names in found for name in names.split()}


def test_the_workflow_does_what_ci_run_does() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    workflow: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())
    parts = [one["run"] for one in workflow["jobs"]["checks"]["strategy"]["matrix"]["include"]]
    matrix = "\n".join(part.replace("&& ", "\n") for part in parts)

    assert asked_of_make(run) >= {("lint",), ("charts",), ("test",), ("chaos", "MINUTES=2", "SEED=1")}
    assert asked_of_make(run) == asked_of_make(matrix)
    assert installed(run) == installed(matrix) == {"chromium", "prometheus"}
