"""What a developer changes in each service, and how it is seen that the service runs with it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from cluster.kubernetes import KubernetesError, run, wait_until

# As deploy/kind/cluster.yaml leads them to the cluster.
ADMIN, API = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
CHANGE_SECONDS = 60


@dataclass(frozen=True)
class Change:
    """Lines that a developer adds to a file of a service, and how it is seen that the service runs with them.

    `{mark}` in the lines is another text each time.
    """

    service: str
    file: str
    lines: str
    live: Callable[[str], bool]


def changes(namespace: str) -> list[Change]:
    return [
        Change(
            "back office",
            "services/admin-django/src/tandem_admin/urls.py",
            'urlpatterns.append(path("{mark}/", lambda _request: HttpResponse("live")))',
            lambda mark: answers(f"{ADMIN}/{mark}/"),
        ),
        Change(
            "API",
            "services/api-fastapi/src/tandem_api/main.py",
            "create_before_{mark} = create_app\ndef create_app(*given, **named):\n"
            "    app = create_before_{mark}(*given, **named)\n"
            '    app.get("/{mark}")(lambda: "live")\n    return app',
            lambda mark: answers(f"{API}/{mark}"),
        ),
        Change(
            "worker",
            "services/worker/src/tandem_worker/main.py",
            'from prometheus_client import Gauge\nGauge("tandem_{mark}", "A developer\'s change.").set(1)',
            lambda mark: f"tandem_{mark} 1.0" in metrics_of(namespace, "orders"),
        ),
    ]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def metrics_of(namespace: str, component: str) -> str:
    """What a pod of the component says, through the cluster's API server; nothing while it begins."""
    selector = f"--selector=app.kubernetes.io/component={component}"
    pods = json.loads(run("kubectl", f"--namespace={namespace}", "get", "pods", selector, "--output=json"))["items"]
    name = pods[0]["metadata"]["name"]
    try:
        return run("kubectl", "get", "--raw", f"/api/v1/namespaces/{namespace}/pods/{name}:9000/proxy/metrics")
    except KubernetesError:
        return ""


def seen_after(folder: Path, change: Change, mark: str) -> float:
    """Change the file; the seconds until the service runs with the change."""
    file = folder / change.file
    with file.open("a") as source:
        source.write("\n" + change.lines.replace("{mark}", mark) + "\n")
    began = time.monotonic()
    wait_until(lambda: change.live(mark), f"{change.service} with its change", CHANGE_SECONDS, pause=0.05)
    return time.monotonic() - began
