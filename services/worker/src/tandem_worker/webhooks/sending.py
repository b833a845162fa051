"""One message to one address: what is sent, and what counts as an answer."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import httpcore
import structlog
from tandem_contracts.webhook_urls import objection_to
from tandem_runtime.tracing import trace_headers

from tandem_worker.settings import WebhooksSettings
from tandem_worker.webhooks.network import AddressRefusedError, CheckedNetwork, Resolve, resolve
from tandem_worker.webhooks.repository import Claimed
from tandem_worker.webhooks.signatures import signature_headers

USER_AGENT = "Tandem-Webhooks/1"
SNIPPET_BYTES = 1000
BODY_SECONDS = 2.0
IDLE_SECONDS = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status with the beginning of its body, or the reason why there is none."""

    status: int | None = None
    response: str = ""
    error: str = ""
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_gone(self) -> bool:
        return self.status == HTTPStatus.GONE


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends by connections of its own. Redirects are not followed, and no proxy or cookie of anybody's is used."""

    pool: httpcore.AsyncConnectionPool
    settings: WebhooksSettings

    async def send(self, delivery: Claimed) -> Answer:
        """Post the delivery and return the answer; whatever goes wrong is one."""
        objection = objection_to(delivery.url, allow_loopback=self.settings.webhooks_allow_loopback)
        if objection or not delivery.secrets:
            return Answer(error=f"Not sent. {objection or 'The endpoint has no signing secret.'}")
        try:
            async with asyncio.timeout(self.settings.webhooks_timeout_seconds) as limit:
                return await self._post(delivery, limit)
        except TimeoutError:
            return Answer(error=f"No answer within {self.settings.webhooks_timeout_seconds:g} s.")
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
            return Answer(error=f"{type(error).__name__}: {error}"[:SNIPPET_BYTES])
        except AddressRefusedError as error:
            return Answer(error=f"Not sent: {error}.")
        except Exception as error:  # one address must not keep the others from their messages
            log.exception("webhook could not be sent", delivery_id=str(delivery.id))
            return Answer(error=f"Not sent: {type(error).__name__}.")

    async def _post(self, delivery: Claimed, limit: asyncio.Timeout) -> Answer:
        body = delivery.body.encode()
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            **trace_headers(),
            **signature_headers(str(delivery.event_id), int(time.time()), body, delivery.secrets),
        }
        connect = {"connect": self.settings.webhooks_connect_seconds}
        async with self.pool.stream(
            "POST", delivery.url, headers=list(headers.items()), content=body, extensions={"timeout": connect}
        ) as response:
            limit.reschedule(None)  # the status is here: what follows has a limit of its own, and no say
            told = {name.lower(): value for name, value in response.headers}.get(b"retry-after")
            return Answer(
                status=response.status,
                response=await _beginning(response),
                retry_after=None if told is None else told.decode("latin-1"),
            )


@asynccontextmanager
async def sender(
    settings: WebhooksSettings, *, resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Sender]:
    """A sender, whose connections end with the block. `tls` is for tests: by default the public authorities count."""
    async with httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=settings.webhooks_concurrency,
        max_keepalive_connections=settings.webhooks_concurrency // 2,
        keepalive_expiry=IDLE_SECONDS,
        network_backend=CheckedNetwork(allow_loopback=settings.webhooks_allow_loopback, resolve=resolve),
    ) as pool:
        yield Sender(pool, settings)


async def _beginning(response: httpcore.Response) -> str:
    """So much of the body as a person needs to understand it; the status counts, whatever becomes of the rest."""
    read = b""
    with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(BODY_SECONDS):
            async for part in response.aiter_stream():
                read += part
                if len(read) >= SNIPPET_BYTES:
                    break
    # Postgres stores no NUL characters.
    return read[:SNIPPET_BYTES].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
