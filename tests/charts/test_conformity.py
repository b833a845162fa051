"""Objects are checked against their types, custom resources too: a field that is not theirs is refused."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts import conformity
from charts.rendering import CHARTS

pytestmark = pytest.mark.skipif(shutil.which("kubeconform") is None, reason="needs kubeconform: `make charts`")

ROUTE: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "one", "labels": {"app": "one"}},
    "spec": {
        "parentRefs": [{"name": "public"}],
        "hostnames": ["api.example.com"],
        "rules": [{"matches": [{"path": {"value": "/"}}], "backendRefs": [{"name": "api", "port": 80}]}],
    },
}
SCALED: dict[str, Any] = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "one"},
    "spec": {
        "scaleTargetRef": {"name": "worker"},
        "maxReplicaCount": 4,
        "triggers": [{"type": "kafka", "metadata": {"lagThreshold": "50"}}],
    },
}
EXTERNAL: dict[str, Any] = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ExternalSecret",
    "metadata": {"name": "one"},
    "spec": {
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"},
        "target": {"name": "one", "template": {"metadata": {"annotations": {"any": "thing"}}}},
        "dataFrom": [{"extract": {"key": "one"}}],
    },
}
MONITOR: dict[str, Any] = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PodMonitor",
    "metadata": {"name": "one"},
    "spec": {"selector": {"matchLabels": {"app": "one"}}, "podMetricsEndpoints": [{"port": "operations"}]},
}
RULES: dict[str, Any] = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "one"},
    "spec": {"groups": [{"name": "one", "rules": [{"alert": "Down", "expr": 0, "for": "5m", "labels": {"a": "b"}}]}]},
}
BUDGET: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "one"},
    "spec": {"maxUnavailable": 1},
}
TOPIC: dict[str, Any] = {
    "apiVersion": "kafka.strimzi.io/v1",
    "kind": "KafkaTopic",
    "metadata": {"name": "one"},
    "spec": {"partitions": 3, "replicas": 3, "config": {"retention.ms": "-1"}},
}
POSTGRES: dict[str, Any] = {
    "apiVersion": "postgresql.cnpg.io/v1",
    "kind": "Cluster",
    "metadata": {"name": "one"},
    "spec": {"instances": 3, "postgresql": {"synchronous": {"method": "any", "number": 1}}, "storage": {"size": "1Gi"}},
}
EXAMPLES = sorted((CHARTS.parent / "examples").glob("*.yaml"))


def complaints(objects: list[dict[str, Any]], folder: Path, schemas: tuple[str, ...]) -> list[str]:
    manifest = folder / "objects.yaml"
    manifest.write_text(yaml.safe_dump_all(objects))
    return conformity.complaints([manifest], conformity.VERSIONS[-1], schemas)[manifest]


def test_what_a_type_names_is_taken(schemas: tuple[str, ...], tmp_path: Path) -> None:
    assert complaints([ROUTE, SCALED, EXTERNAL, MONITOR, RULES, BUDGET, TOPIC, POSTGRES], tmp_path, schemas) == []


@pytest.mark.parametrize(
    ("good", "path", "value", "complaint"),
    [
        (ROUTE, ["spec", "parentRef"], [], "'parentRef' not allowed"),
        (ROUTE, ["spec", "rules", 0, "backendRefs", 0, "servicePort"], 80, "'servicePort' not allowed"),
        (ROUTE, ["spec", "rules", 0, "backendRefs", 0, "port"], "http", "want integer"),
        (ROUTE, ["spec", "rules", 0, "matches", 0, "path", "type"], "Prefix", "must be one of"),
        (ROUTE, ["spec", "hostnames", 0], "https://api.example.com", "does not match pattern"),
        (ROUTE, ["metadata", "labels", "app"], 1, "want null or string"),
        (SCALED, ["spec", "replicas"], 2, "'replicas' not allowed"),
        (SCALED, ["spec", "triggers", 0, "metadata", "lagThreshold"], 50, "want string"),
        (EXTERNAL, ["spec", "target", "nmae"], "one", "'nmae' not allowed"),
        (EXTERNAL, ["spec", "dataFrom", 0, "extract", "key"], None, "want string"),
        (MONITOR, ["spec", "podMetricsEndpoints", 0, "interval"], "often", "does not match pattern"),
        (MONITOR, ["spec", "selector"], None, "want object"),
        (RULES, ["spec", "groups", 0, "rules", 0, "annotation"], {}, "'annotation' not allowed"),
        (TOPIC, ["spec", "partition"], 3, "'partition' not allowed"),
        (TOPIC, ["spec", "partitions"], 0, "minimum: got 0, want 1"),
        (POSTGRES, ["spec", "instance"], 3, "'instance' not allowed"),
        (POSTGRES, ["spec", "postgresql", "synchronous", "method"], "some", "must be one of"),
        (BUDGET, ["spec", "maxUnavailble"], 1, "'maxUnavailble' not allowed"),
        (SCALED, ["apiVersion"], "keda.sh/v1", "could not find schema"),
        (MONITOR, ["kind"], "BlackBox", "could not find schema"),
    ],
)
def test_what_it_does_not_name_is_refused(
    good: dict[str, Any],
    path: list[str | int],
    value: object,
    complaint: str,
    schemas: tuple[str, ...],
    tmp_path: Path,
) -> None:
    bad = deepcopy(good)
    part: Any = bad
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value

    (found,) = complaints([bad], tmp_path, schemas)

    assert complaint in found


def test_the_examples_are_what_their_types_say(schemas: tuple[str, ...]) -> None:
    assert conformity.complaints(EXAMPLES, conformity.VERSIONS[-1], schemas) == {}
    assert EXAMPLES
