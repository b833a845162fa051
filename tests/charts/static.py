"""Each chart with each of its example values: helm's own lint, Kubernetes' schemas, kube-score.

Takes the programs (helm, helm4, kubeconform, kube-score, helm-docs) from the PATH, Kubernetes' schemas from the package
kubernetes-validate.
"""

import json
import os
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from rich.table import Table

from charts.rendering import CHARTS, NAMES

VERSIONS = ("1.30.0", "1.31.0", "1.32.0", "1.33.0", "1.34.0", "1.35.0")
HELMS = ("helm", "helm4")
# Their types come with operators.
CUSTOM = "ScaledObject,HTTPRoute,PodMonitor,ExternalSecret"
IGNORED_TESTS = {
    # Every image has a tag or a digest; pulling one again that is there costs the start of a pod.
    "container-image-pull-policy",
    # A limit of CPU only slows a pod down when the node has time; memory has one.
    "container-resources",
    # A pod that is full of temporary files is ended by its emptyDir's limit.
    "container-ephemeral-storage-request-and-limit",
    # Liveness and readiness ask different paths of one port, as design says; kube-score compares ports alone.
    "pod-probes",
}


@dataclass
class Checked:
    """What one chart with one file of values came through, and what is wrong with it."""

    chart: str
    values: str
    passed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, check: str, complaint: str) -> None:
        """Count the check as passed when there is no complaint."""
        if complaint:
            self.wrong.append(f"{self.chart}, {self.values}: {check}: {complaint}")
        else:
            self.passed[check] += 1


def check_all() -> tuple[Table, list[str]]:
    """A table of what passed, and what did not, a line each."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        where = write_schemas(Path(folder))
        cases = [(chart, values) for chart in NAMES for values in sorted((CHARTS / chart / "ci").glob("*.yaml"))]
        results = list(pool.map(lambda case: check(case[0], case[1], where), cases))
    checks = ("helm lint", "helm template", "kubeconform", "kube-score")
    table = Table("chart", "values", *checks, caption=f"Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}; helm 3 and 4")
    for result in results:
        table.add_row(result.chart, result.values, *(str(result.passed[name]) for name in checks))
    return table, [*stale_readmes(), *(line for result in results for line in result.wrong)]


def check(chart: str, values: Path, where: str) -> Checked:
    result = Checked(chart, values.stem)
    place, file = str(CHARTS / chart), f"--values={values}"
    for helm in HELMS:
        result.note("helm lint", _complaint(helm, "lint", "--strict", f"--kube-version={VERSIONS[-1]}", place, file))
        for version in VERSIONS:
            command = [helm, "template", "tandem", place, file, "--namespace=tandem", f"--kube-version={version}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            result.note("helm template", done.stderr if done.returncode else "")
            options = ["-strict", "-kubernetes-version", version, "-skip", CUSTOM, "-schema-location", where, "-"]
            result.note("kubeconform", _complaint("kubeconform", *options, given=done.stdout))
    score = ["score", "--output-format=ci", f"--kubernetes-version=v{VERSIONS[-1].rpartition('.')[0]}"]
    ignored = [f"--ignore-test={name}" for name in sorted(IGNORED_TESTS)]
    result.note("kube-score", _complaint("kube-score", *score, *ignored, "-", given=done.stdout))
    return result


def write_schemas(target: Path) -> str:
    """Write the package's schemas as kubeconform reads them; returns its template of where they are."""
    package = files("kubernetes_validate")
    for version in VERSIONS:
        folder = target / f"v{version}"
        folder.mkdir()
        for file in package.joinpath("kubernetes-json-schema", f"v{version}-local-strict").iterdir():
            schema = json.loads(file.read_text().replace('"/api/_definitions.json#', '"_definitions.json#'))
            schema.pop("$id", None)
            schema.pop("$schema", None)
            (folder / file.name).write_text(json.dumps(schema))
    return f"{target}/{{{{ .NormalizedKubernetesVersion }}}}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"


def stale_readmes() -> list[str]:
    """The charts whose README is not what helm-docs makes of their values."""
    stale = []
    for chart in NAMES:
        command = ["helm-docs", "--dry-run", "--log-level=error", f"--chart-search-root={CHARTS / chart}"]
        made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        readme = CHARTS / chart / "README.md"
        if not readme.exists() or readme.read_text().strip() != made.strip():
            stale.append(f"{readme} is not up to date: helm-docs")
    return stale


def _complaint(*command: str, given: str | None = None) -> str:
    """What the command said when it failed; nothing when it did not."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode else ""
