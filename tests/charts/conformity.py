"""Whether objects are what their types say, asked of kubeconform.

Kubernetes' own types are in the package kubernetes-validate, those of custom resources in their definitions.
"""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from charts.crds import write_custom_schemas

VERSIONS = ("1.30.0", "1.31.0", "1.32.0", "1.33.0", "1.34.0", "1.35.0")


def write_schemas(target: Path) -> tuple[str, str]:
    """Write all schemas; returns kubeconform's templates of where they are."""
    return write_kubernetes_schemas(target), write_custom_schemas(target)


def write_kubernetes_schemas(target: Path) -> str:
    """The package's, as kubeconform reads them."""
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


def complaints(manifests: Iterable[Path], version: str, schemas: Iterable[str]) -> Mapping[Path, list[str]]:
    """What is wrong with the objects in each file of YAML, for this version of Kubernetes."""
    locations = [f"-schema-location={template}" for template in schemas]
    options = ["-strict", "-output=json", f"-kubernetes-version={version}", *locations]
    done = subprocess.run(["kubeconform", *options, *map(str, manifests)], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"kubeconform: {done.stderr}")
    found = defaultdict(list)
    for one in json.loads(done.stdout)["resources"]:
        found[Path(one["filename"])].append(f"{one['kind']} {one['name']}: {one['msg']}")
    return found
