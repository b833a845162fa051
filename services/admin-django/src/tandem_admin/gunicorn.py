"""gunicorn's configuration: `gunicorn -c python:tandem_admin.gunicorn tandem_admin.wsgi`.

One worker process with threads: pods are what is scaled, and metrics and health are those of the one process.
"""

import os
from pathlib import Path
from types import FrameType
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from tandem_runtime.health import Health
from tandem_runtime.logs import configure_logging
from tandem_runtime.operations import OperationsServer
from tandem_runtime.tracing import Tracing, configure_tracing

from tandem_admin.readiness import DatabaseReadiness
from tandem_admin.settings import SETTINGS

SERVICE = "admin"
# gunicorn's loop turns each second, whatever the requests do.
LIVENESS_SECONDS = 15.0


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own lines through our renderer; requests are logged by `middleware`, which knows their trace."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        configure_logging(SERVICE, SETTINGS)


class ObservedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The threaded worker, which says that its loop turns, and that it is stopping."""

    health: Health
    operations: OperationsServer
    tracing: Tracing

    def notify(self) -> None:
        super().notify()
        self.health.beat()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.health.set_ready(False)
        super().handle_exit(sig, frame)


bind = f"{SETTINGS.host}:{SETTINGS.port}"
workers = 1
threads = SETTINGS.threads
worker_class = ObservedWorker
logger_class = JsonLogger
accesslog = None
graceful_timeout = SETTINGS.graceful_seconds
# gunicorn kills a worker whose loop does not turn for so long.
timeout = 60
keepalive = SETTINGS.keep_alive_seconds
forwarded_allow_ips = SETTINGS.trusted_proxies
# The worker touches a file there each second: in memory, since a busy disk would look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn unlinks the file at once
control_socket_disable = True


def post_fork(_server: Arbiter, worker: ObservedWorker) -> None:
    """Set up what needs threads, after the fork and before Django loads its middleware."""
    worker.health = Health()
    worker.tracing = configure_tracing(SERVICE, statement_seconds=SETTINGS.trace_statement_seconds)
    if worker.tracing.enabled:
        from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415 - only with tracing on

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tandem_admin.settings")
        os.environ.setdefault("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "static/")
        DjangoInstrumentor().instrument()


def post_worker_init(worker: ObservedWorker) -> None:
    worker.health.add_check("database", DatabaseReadiness())
    worker.operations = OperationsServer(
        worker.health, SETTINGS.operations_host, SETTINGS.operations_port, liveness_seconds=LIVENESS_SECONDS
    )
    worker.operations.start()
    worker.health.set_ready(True)


def worker_exit(_server: Arbiter, worker: Any) -> None:
    # A worker that failed to load has neither.
    if hasattr(worker, "operations"):
        worker.operations.stop()
    if hasattr(worker, "tracing"):
        worker.tracing.shutdown()
