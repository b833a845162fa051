"""The types of custom resources, as kubeconform reads them.

Their definitions are in the Go modules that tools/crds/go.mod pins; `go mod download` fetches them, and refuses one
whose sum is not the one in go.sum. Strimzi's are in no Go module: see strimzi.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from charts.strimzi import write_strimzi
from charts.structural import json_schema

LOCK = Path(__file__).parents[2] / "tools" / "crds"
MONITORING = "example/prometheus-operator-crd/monitoring.coreos.com_"
# Which files of a module.
MODULES = {
    "github.com/argoproj/argo-cd/v3": ("manifests/crds/application-crd.yaml",),
    "github.com/cloudnative-pg/cloudnative-pg": tuple(
        f"config/crd/bases/postgresql.cnpg.io_{plural}.yaml" for plural in ("clusters", "poolers", "scheduledbackups")
    ),
    "github.com/cloudnative-pg/plugin-barman-cloud": ("config/crd/bases/barmancloud.cnpg.io_objectstores.yaml",),
    "github.com/external-secrets/external-secrets": ("config/crds/bases/external-secrets.io_*.yaml",),
    "github.com/kedacore/keda/v2": ("config/crd/bases/keda.sh_*.yaml",),
    "github.com/prometheus-operator/prometheus-operator": (
        f"{MONITORING}podmonitors.yaml",
        f"{MONITORING}prometheusrules.yaml",
        f"{MONITORING}servicemonitors.yaml",
    ),
    "sigs.k8s.io/gateway-api": ("config/crd/standard/gateway.networking.k8s.io_*routes.yaml",),
}


def write_custom_schemas(target: Path) -> str:
    """Write the schema of each version of each custom resource; returns kubeconform's template of where they are."""
    for definition in definitions():
        spec = definition["spec"]
        folder = target / spec["group"]
        folder.mkdir(parents=True, exist_ok=True)
        for version in spec["versions"]:
            if version["served"]:
                schema = json_schema(version["schema"]["openAPIV3Schema"])
                file = folder / f"{spec['names']['kind'].lower()}_{version['name']}.json"
                file.write_text(json.dumps(schema))
    return f"{target}/{{{{ .Group }}}}/{{{{ .ResourceKind }}}}_{{{{ .ResourceAPIVersion }}}}.json"


def definitions() -> Iterator[Mapping[str, Any]]:
    """Every CustomResourceDefinition there is."""
    pinned = {one["Path"]: one["Version"] for one in json.loads(_go("mod", "edit", "-json"))["Require"]}
    for module, patterns in MODULES.items():
        folder = Path(json.loads(_go("mod", "download", "-json", f"{module}@{pinned[module]}"))["Dir"])
        for pattern in patterns:
            yield from in_files(folder, pattern)
    with TemporaryDirectory() as made:
        write_strimzi(Path(made))
        yield from in_files(Path(made), "*.yaml")


def in_files(folder: Path, pattern: str) -> Iterator[Mapping[str, Any]]:
    """The CustomResourceDefinitions in the files of that name; none at all is a mistake."""
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{folder} has no {pattern}")
    for file in files:
        for found in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if found and found["kind"] == "CustomResourceDefinition":
                yield found


def _go(*command: str) -> str:
    """What this Go says of the lock, whatever the user has set."""
    environment = os.environ | {"GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(["go", *command], cwd=LOCK, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"go {' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout
