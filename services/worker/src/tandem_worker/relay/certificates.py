"""When the brokers' certificates end, as a client meets them: others renew them, and we stand still if they do not."""

import asyncio
from ssl import SSLContext

import structlog
from tandem_runtime.certificates import note_certificate
from tandem_runtime.kafka import KafkaSettings

from tandem_worker.waiting import stopped_within

HANDSHAKE_SECONDS = 10.0
# After a look, and after one that saw nothing.
PAUSE_SECONDS = (3600.0, 60.0)

log = structlog.get_logger()


async def watch_certificates(settings: KafkaSettings, stop: asyncio.Event) -> None:
    """Look at them until `stop` is set; without TLS there is nothing to see."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return
    pause = 0.0
    while not await stopped_within(stop, pause):
        try:
            await look_at_certificates(settings)
            pause = PAUSE_SECONDS[0]
        except OSError as error:  # of ssl too; the relay's own clients tell louder
            log.warning("certificates of the brokers not seen", error=repr(error))
            pause = PAUSE_SECONDS[1]


async def look_at_certificates(settings: KafkaSettings) -> None:
    """Note when those of the brokers end, and of the authority that we trust for them; OSError when one is away."""
    connection = settings.kafka_connection()
    context: SSLContext = connection["ssl_context"]
    if settings.kafka_ca_file is not None:  # else the machine's many, of which a lapsed one says nothing
        note_certificate("kafka_authority", *context.get_ca_certs())
    seen = []
    for server in connection["bootstrap_servers"]:
        host, _, port = server.rpartition(":")
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
            seen.append(writer.get_extra_info("peercert"))
            writer.close()
            await writer.wait_closed()
    note_certificate("kafka_broker", *seen)
