"""What helm makes of a chart."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).parents[2] / "deploy" / "helm"
KUBERNETES = "1.34.0"


def rendered(release: str, chart: str, *options: str, values: str = "", namespace: str = "tandem") -> list[Any]:
    """The objects of a chart with the file `values` of its ci/; those without a namespace are in `namespace`."""
    files = [f"--values={CHARTS / chart / 'ci' / values}"] if values else []
    command = ["helm", "template", release, str(CHARTS / chart), f"--kube-version={KUBERNETES}", *files, *options]
    text = subprocess.run([*command, f"--namespace={namespace}"], capture_output=True, text=True, check=True).stdout
    objects = [found for found in yaml.safe_load_all(text) if found]
    for found in objects:
        found["metadata"].setdefault("namespace", namespace)
    return objects
