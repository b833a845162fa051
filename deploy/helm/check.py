"""`make charts`: each chart with each of its example values, by helm 3 and 4, against each version of Kubernetes.

Takes the programs (helm, helm4, kubeconform) from the PATH, and Kubernetes' schemas from the package kubernetes-validate.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
CHARTS = ("admin", "api", "worker", "payment-sandbox", "tandem", "dev-infra")
VERSIONS = ("1.30.0", "1.31.0", "1.32.0", "1.33.0", "1.34.0", "1.35.0")
# Their types come with operators; held by tests of their own until their schemas are here.
CUSTOM = "ScaledObject,HTTPRoute,PodMonitor,ExternalSecret"


def schemas(target: Path) -> str:
    """Write the package's schemas as kubeconform reads them; returns its template of where they are."""
    package = find_spec("kubernetes_validate")
    assert package and package.origin
    for version in VERSIONS:
        folder = target / f"v{version}"
        folder.mkdir()
        for file in (Path(package.origin).parent / "kubernetes-json-schema" / f"v{version}-local-strict").glob(
            "*.json"
        ):
            schema = json.loads(file.read_text().replace('"/api/_definitions.json#', '"_definitions.json#'))
            schema.pop("$id", None)
            schema.pop("$schema", None)
            (folder / file.name).write_text(json.dumps(schema))
    return f"{target}/{{{{ .NormalizedKubernetesVersion }}}}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"


def run(*command: str, given: str | None = None) -> tuple[bool, str]:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def check(chart: Path, values: Path, where: str) -> list[str]:
    """What is wrong with a chart and these values, a line each."""
    wrong = []
    name = f"{chart.name}, {values.stem}"
    for helm in ("helm", "helm4"):
        linted, said = run(
            helm, "lint", "--strict", "--kube-version", VERSIONS[-1], str(chart), "--values", str(values)
        )
        if not linted:
            wrong.append(f"{name}: {helm} lint: {said}")
        for version in VERSIONS:
            arguments = ["template", "tandem", str(chart), "--values", str(values), "--namespace", "tandem"]
            rendered, text = run(helm, *arguments, "--kube-version", version)
            if not rendered:
                wrong.append(f"{name}: {helm} template for {version}: {text}")
                continue
            options = ["-strict", "-kubernetes-version", version, "-skip", CUSTOM, "-schema-location", where, "-"]
            valid, said = run("kubeconform", *options, given=text)
            if not valid:
                wrong.append(f"{name}: {version}: {said}")
    return wrong


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        where = schemas(Path(folder))
        cases = [(HERE / chart, values) for chart in CHARTS for values in sorted((HERE / chart / "ci").glob("*.yaml"))]
        wrong = [line for lines in pool.map(lambda case: check(*case, where), cases) for line in lines]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(cases)} sets of values × {len(VERSIONS)} versions of Kubernetes × helm 3 and 4: valid")


if __name__ == "__main__":
    main()
