"""What helm makes of a chart."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).parents[2] / "deploy" / "helm"
NAMES = ("admin", "api", "worker", "payment-sandbox", "tandem", "dev-infra", "dev-observability", "operators")
KUBERNETES = "1.34.0"
# As which the tests pack them.
VERSION = "1.2.3"


def rendered(
    packed: Path,
    release: str,
    chart: str,
    *,
    values: str = "",
    over: Sequence[Path] = (),
    namespace: str = "tandem",
    change: str = "",
) -> list[Any]:
    """The objects of a packed chart with the file `values` of its ci/; those without a namespace are in `namespace`.

    `over` are further files of values, `change` is one value more, such as "replicas=3".
    """
    own = [CHARTS / chart / "ci" / values] if values else []
    files = [f"--values={file}" for file in (*own, *over)]
    changes = [f"--set-string={change}"] if change else []
    archive = packed / f"{chart}-{VERSION}.tgz"
    command = ["helm", "template", release, str(archive), f"--kube-version={KUBERNETES}", *files, *changes]
    text = subprocess.run([*command, f"--namespace={namespace}"], capture_output=True, text=True, check=True).stdout
    objects = [found for found in yaml.safe_load_all(text) if found]
    for found in objects:
        found["metadata"].setdefault("namespace", namespace)
    return objects


def refusal(packed: Path, chart: str, changes: Iterable[str]) -> str:
    """What helm says when it does not render the chart with these values, each as `path=value`."""
    values = [f"--set={change}" for change in changes]
    command = ["helm", "template", "refused", str(packed / f"{chart}-{VERSION}.tgz"), f"--kube-version={KUBERNETES}"]
    done = subprocess.run([*command, *values], capture_output=True, text=True, check=False)
    assert done.returncode, f"{chart} is rendered with {changes}"
    return done.stderr
