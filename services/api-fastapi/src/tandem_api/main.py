"""The process: `tandem-api`."""

import asyncio

from tandem_runtime.health import Health
from tandem_runtime.logs import configure_logging
from tandem_runtime.operations import OperationsServer
from tandem_runtime.serving import serve
from tandem_runtime.settings import load_settings
from tandem_runtime.tracing import configure_tracing

from tandem_api.application import create_app
from tandem_api.settings import Settings

SERVICE = "api"


def main() -> None:
    settings = load_settings(Settings)
    configure_logging(SERVICE, settings)
    health = Health()
    stopping = asyncio.Event()
    operations = OperationsServer(health, settings.operations_host, settings.operations_port)
    with configure_tracing(SERVICE, statement_seconds=settings.trace_statement_seconds):
        operations.start()
        try:
            serve(
                create_app(settings, health, stopping),
                host=settings.host,
                port=settings.port,
                health=health,
                stopping=stopping,
                leave_seconds=settings.leave_seconds,
                drain_seconds=settings.graceful_seconds,
                arrival_seconds=settings.request_seconds,
                keep_alive_seconds=settings.keep_alive_seconds,
                connection_limit=settings.connection_limit,
                access_log=False,  # `transport.arrival` writes a better line
            )
        finally:
            operations.stop()
