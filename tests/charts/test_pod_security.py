"""Every pod is judged by the Pod Security Standard, whatever makes it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.network import TEMPLATES
from charts.static import refused_pods

pytestmark = pytest.mark.skipif(shutil.which("podsecurity") is None, reason="needs podsecurity: `make charts`")

CONTAINER: dict[str, Any] = {
    "name": "one",
    "image": "one",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
FREE = {"name": "helper", "image": "one"}


def manifest(folder: Path, kind: str, pod: dict[str, Any]) -> Path:
    made: Any = pod
    for step in reversed(TEMPLATES[kind]):
        made = {step: made}
    file = folder / "manifest.yaml"
    custom = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "other"}}
    file.write_text(yaml.safe_dump_all([custom, {"kind": kind, "metadata": {"name": "first"}, **made}]))
    return file


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_a_restricted_pod_is_let_in_and_a_free_one_is_not(kind: str, tmp_path: Path) -> None:
    assert refused_pods(manifest(tmp_path, kind, {"containers": [CONTAINER]})) == ""

    refused = refused_pods(manifest(tmp_path, kind, {"containers": [CONTAINER], "initContainers": [FREE]}))

    assert refused.count(f"{kind} first: restricted:v1.") == 6
    assert 'container "helper" must set securityContext.allowPrivilegeEscalation=false' in refused


def test_a_pod_that_sees_the_node_is_not_let_in(tmp_path: Path) -> None:
    pod = {"containers": [CONTAINER], "volumes": [{"name": "node", "hostPath": {"path": "/"}}]}
    assert 'uses restricted volume type "hostPath"' in refused_pods(manifest(tmp_path, "Deployment", pod))


def test_a_pod_that_cannot_be_restricted_is_named(tmp_path: Path) -> None:
    file = manifest(tmp_path, "DaemonSet", {"containers": [FREE]})
    assert refused_pods(file, but=["DaemonSet first"]) == ""
    assert refused_pods(file, but=["DaemonSet fir"]).count("DaemonSet first: ") == 6


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert "no such file" in refused_pods(tmp_path / "none.yaml")
