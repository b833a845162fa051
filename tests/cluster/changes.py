"""What a developer changes in each service, and how it is seen that the service runs with it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cluster.kubernetes import Namespace, wait_until

# As deploy/kind/cluster.yaml leads them to the cluster.
ADMIN, API = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
CHANGE_SECONDS = 60
# Each look is one at the process that runs then.
NO_LASTING_CONNECTIONS = httpx.Limits(max_keepalive_connections=0)


@dataclass(frozen=True)
class Change:
    """Lines that a developer adds to a file of a service, and how it is seen that the service runs with them.

    `{mark}` in the lines is another text each time.
    """

    service: str
    file: str
    lines: str
    live: Callable[[str], bool]


@contextmanager
def changes(namespace: Namespace) -> Iterator[list[Change]]:
    """The changes, while the block runs; asking costs little, so that what is measured has the processors."""
    (pod,) = namespace.pods("app.kubernetes.io/component=orders")
    with namespace.proxied() as server, httpx.Client(timeout=1, limits=NO_LASTING_CONNECTIONS) as client:
        yield _changes(client, f"{server}/pods/{pod}:9000/proxy/metrics")


def _changes(client: httpx.Client, worker_metrics: str) -> list[Change]:
    return [
        Change(
            "back office",
            "services/admin-django/src/tandem_admin/urls.py",
            'urlpatterns.append(path("{mark}/", lambda _request: HttpResponse("live")))',
            lambda mark: says(client, f"{ADMIN}/{mark}/", "live"),
        ),
        Change(
            "API",
            "services/api-fastapi/src/tandem_api/main.py",
            "create_before_{mark} = create_app\ndef create_app(*given, **named):\n"
            "    app = create_before_{mark}(*given, **named)\n"
            '    app.get("/{mark}")(lambda: "live")\n    return app',
            lambda mark: says(client, f"{API}/{mark}", "live"),
        ),
        Change(
            "worker",
            "services/worker/src/tandem_worker/main.py",
            'from prometheus_client import Gauge\nGauge("tandem_{mark}", "A developer\'s change.").set(1)',
            lambda mark: says(client, worker_metrics, f"tandem_{mark} 1.0"),
        ),
    ]


def says(client: httpx.Client, url: str, text: str) -> bool:
    try:
        answer = client.get(url)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK and text in answer.text


def seen_after(folder: Path, change: Change, mark: str) -> float:
    """Change the file; the seconds until the service runs with the change."""
    file = folder / change.file
    began = time.monotonic()
    with file.open("a") as source:
        source.write("\n" + change.lines.replace("{mark}", mark) + "\n")
    wait_until(lambda: change.live(mark), f"{change.service} with its change", CHANGE_SECONDS, pause=0.05)
    return time.monotonic() - began
