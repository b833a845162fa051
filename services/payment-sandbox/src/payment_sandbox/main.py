"""The process: `payment-sandbox`."""

import asyncio

from tandem_runtime.health import Health
from tandem_runtime.logs import configure_logging
from tandem_runtime.operations import OperationsServer
from tandem_runtime.serving import serve
from tandem_runtime.settings import load_settings
from tandem_runtime.tracing import configure_tracing

from payment_sandbox.application import create_application
from payment_sandbox.settings import Settings

SERVICE = "payment-sandbox"
# The slow fault is 3 s of work in progress.
DRAIN_SECONDS = 5


def main() -> None:
    settings = load_settings(Settings)
    configure_logging(SERVICE, settings)
    health = Health()
    stopping = asyncio.Event()
    operations = OperationsServer(health, settings.operations_host, settings.operations_port)
    with configure_tracing(SERVICE):
        operations.start()
        try:
            serve(
                create_application(settings, health, stopping),
                host=settings.host,
                port=settings.port,
                health=health,
                stopping=stopping,
                drain_seconds=DRAIN_SECONDS,
            )
        finally:
            operations.stop()
