"""What happens to a system in a cluster, each until all is well again, under load."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from cluster.installation import INFRA, OF_TANDEM, RELEASE, Installation
from cluster.kubernetes import nodes, run

SERVED = ("admin", "api")


@dataclass(frozen=True)
class Disturbance:
    """Something that an operator or a cluster does. What is `planned` may fail no request."""

    what: str
    planned: bool
    carry_out: Callable[[], None]


def all_of_them(installation: Installation, new_tag: str) -> Iterator[Disturbance]:
    yield Disturbance("upgrade to a new image", True, partial(installation.install, new_tag))
    yield Disturbance("rollback", True, installation.roll_back)
    for count in (3, 2):
        yield Disturbance(f"admin and api scaled to {count}", True, partial(_scale, installation, count))
    for name in installation.deployments():
        yield Disturbance(f"each pod of {name} deleted", True, partial(_delete_pods, installation, name))
    if drained := _node_beside(installation):
        yield Disturbance(f"node {drained} drained", True, partial(_drain, installation, drained))
    for server in ("postgres", "kafka"):
        yield Disturbance(f"pod of {server} deleted", False, partial(_delete_server, installation, server))


def _scale(installation: Installation, count: int) -> None:
    names = [f"deployment/{RELEASE}-{name}" for name in SERVED]
    installation.namespace.kubectl("scale", f"--replicas={count}", *names)
    installation.wait_until_rolled_out()


def _delete_pods(installation: Installation, deployment: str) -> None:
    """One after the other, as a node's update does it; each is replaced before the next one goes."""
    (labels,) = [
        item["spec"]["selector"]["matchLabels"]
        for item in installation.namespace.objects("deployments", OF_TANDEM)
        if item["metadata"]["name"] == deployment
    ]
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    for pod in installation.namespace.pods(selector):
        installation.namespace.kubectl("delete", "pod", pod, "--wait=true")
        installation.wait_until_rolled_out()


def _node_beside(installation: Installation) -> str:
    """A node on which the infrastructure is not; none where there is one only."""
    names = [node["metadata"]["name"] for node in nodes()]
    homes = {
        pod["spec"]["nodeName"] for pod in installation.namespace.objects("pods", f"app.kubernetes.io/instance={INFRA}")
    }
    return next((name for name in names if name not in homes), "")


def _drain(installation: Installation, node: str) -> None:
    try:
        run("kubectl", "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
        installation.wait_until_rolled_out()
    finally:
        run("kubectl", "uncordon", node)


def _delete_server(installation: Installation, name: str) -> None:
    installation.namespace.kubectl("delete", "pod", f"{name}-0", "--wait=true")
    installation.namespace.wait_until_rolled_out("statefulsets", f"app.kubernetes.io/instance={INFRA}")
    installation.wait_until_rolled_out()
