"""What helm makes of a chart."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).parents[2] / "deploy" / "helm"
NAMES = ("admin", "api", "worker", "payment-sandbox", "tandem", "dev-infra", "dev-observability")
KUBERNETES = "1.34.0"
# As which the tests pack them.
VERSION = "1.2.3"


def rendered(
    packed: Path, release: str, chart: str, *, values: str = "", namespace: str = "tandem", change: str = ""
) -> list[Any]:
    """The objects of a packed chart with the file `values` of its ci/; those without a namespace are in `namespace`.

    `change` is one value more, such as "replicas=3".
    """
    files = [f"--values={CHARTS / chart / 'ci' / values}"] if values else []
    changes = [f"--set-string={change}"] if change else []
    archive = packed / f"{chart}-{VERSION}.tgz"
    command = ["helm", "template", release, str(archive), f"--kube-version={KUBERNETES}", *files, *changes]
    text = subprocess.run([*command, f"--namespace={namespace}"], capture_output=True, text=True, check=True).stdout
    objects = [found for found in yaml.safe_load_all(text) if found]
    for found in objects:
        found["metadata"].setdefault("namespace", namespace)
    return objects
