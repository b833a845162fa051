"""kubectl and helm as these tests use them: one namespace, wherever the kubeconfig leads."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tandem_local.ports import free_port, listens

PAUSE_SECONDS = 0.5
LIMIT_SECONDS = 600.0
FORWARD_SECONDS = 60.0


class KubernetesError(Exception):
    """A command that went wrong, with what it said."""


def run(*command: str, given: str | None = None) -> str:
    """What the command printed; KubernetesError when it failed, or did not end in time."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise KubernetesError(f"{' '.join(command)}: not done after {LIMIT_SECONDS:g} s") from None
    except FileNotFoundError:
        raise KubernetesError(f"{command[0]} is not installed") from None
    if done.returncode:
        raise KubernetesError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def objects(*arguments: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(run("kubectl", "get", "--output=json", *arguments))["items"]
    return items


def nodes() -> list[dict[str, Any]]:
    """Those that pods may be placed on, by name."""
    found = [
        node
        for node in objects("nodes")
        if not any(taint["effect"].startswith("No") for taint in node["spec"].get("taints", []))
    ]
    return sorted(found, key=lambda node: str(node["metadata"]["name"]))


@dataclass(frozen=True)
class Namespace:
    name: str

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return run("kubectl", f"--namespace={self.name}", *arguments, given=given)

    def helm(self, *arguments: str) -> str:
        return run("helm", f"--namespace={self.name}", *arguments)

    def objects(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        return objects(kind, f"--namespace={self.name}", f"--selector={selector}")

    def pods(self, selector: str) -> list[str]:
        """The names of those that run, and are not about to end."""
        return sorted(
            pod["metadata"]["name"]
            for pod in self.objects("pods", selector)
            if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
        )

    def wait_until_rolled_out(self, kind: str, selector: str, seconds: int = 300) -> None:
        self.kubectl("rollout", "status", kind, f"--selector={selector}", f"--timeout={seconds}s")

    @contextmanager
    def forwarded(self, pod: str, port: int, local: int) -> Iterator[None]:
        """Lead this machine's port `local` to the pod's while the block runs."""
        command = ["kubectl", f"--namespace={self.name}", "port-forward", f"pod/{pod}", f"{local}:{port}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as forward:
            try:
                wait_until(lambda: listens(local) or forward.poll() is not None, f"port-forward to {pod}")
                if forward.poll() is not None:
                    raise KubernetesError(f"port-forward to {pod}: {forward.stderr.read() if forward.stderr else ''}")
                yield
            finally:
                forward.terminate()

    @contextmanager
    def proxied(self) -> Iterator[str]:
        """Lead a port of this machine to the API server while the block runs; the URL of this namespace there."""
        local = free_port()
        with subprocess.Popen(["kubectl", "proxy", f"--port={local}"], stdout=subprocess.DEVNULL) as proxy:
            try:
                wait_until(lambda: listens(local), "kubectl proxy")
                yield f"http://127.0.0.1:{local}/api/v1/namespaces/{self.name}"
            finally:
                proxy.terminate()


@contextmanager
def restricted_namespace(name: str, *, keep: bool) -> Iterator[Namespace]:
    """A namespace in which nothing runs that the Pod Security Standard `restricted` forbids; removed at the end."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    run("kubectl", "create", "--filename=-", given=json.dumps(namespace))
    try:
        yield Namespace(name)
    finally:
        if not keep:
            run("kubectl", "delete", "namespace", name, "--wait=true", "--timeout=300s")


def wait_until(
    holds: Callable[[], bool], what: str, seconds: float = FORWARD_SECONDS, pause: float = PAUSE_SECONDS
) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise KubernetesError(f"{what}: not after {seconds:g} s")
        time.sleep(pause)
