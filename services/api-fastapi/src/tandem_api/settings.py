"""What the API takes from its environment, as TANDEM_<NAME>."""

from typing import Annotated
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from pydantic import BeforeValidator, Field, InstanceOf, SecretStr, model_validator
from tandem_runtime.kafka import KafkaSettings
from tandem_runtime.settings import Origin


def _rate(text: object) -> RateLimitItem | None:
    """What `limits` makes of such as "60/minute"; of nothing, no limit."""
    return parse(str(text)) if text else None


Rate = Annotated[InstanceOf[RateLimitItem] | None, BeforeValidator(_rate)]


class Settings(KafkaSettings):
    """The API's settings; durations are in seconds. Port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = Field(default=8001, ge=0, le=65535)
    # After SIGTERM it goes on for so long, and sends clients to other connections; then it finishes what it has begun.
    leave_seconds: float = Field(default=0, ge=0)
    graceful_seconds: int = Field(default=20, ge=1)
    # Until an answer begins; event streams may then go on.
    request_seconds: float = Field(default=10, gt=0)
    body_limit_bytes: int = Field(default=65_536, ge=1024)
    # In progress at once; whoever comes then is told to come again. Event streams have limits of their own.
    request_limit: int = Field(default=500, ge=1)
    # More than all limits together: beyond it the server answers without looking.
    connection_limit: int = Field(default=10_000, ge=1)
    # Longer than a proxy keeps its idle connections: it must not send a request into one that we are closing.
    keep_alive_seconds: int = Field(default=75, ge=1)
    # Of reads that are answered from memory and go well, the share that has a line in the log and a trace.
    catalogue_sample: float = Field(default=0.01, ge=0, le=1)
    # Origins of browser applications that may call the API, as JSON: ["https://shop.example.com"].
    cors_origins: tuple[Origin, ...] = ()
    # The proxies before the API, each of which appends to X-Forwarded-For: which address the limits are about.
    trusted_proxy_count: int = Field(default=0, ge=0)

    # What a client may ask for: a customer by their token, without one an address. Empty: as much as it likes.
    rate_limit_catalogue: Rate = Field(default="600/minute", validate_default=True)
    rate_limit_reads: Rate = Field(default="300/minute", validate_default=True)
    rate_limit_writes: Rate = Field(default="60/minute", validate_default=True)
    rate_limit_streams: Rate = Field(default="30/minute", validate_default=True)
    # redis:// or rediss://: counted for all pods together. Without it each pod counts for itself.
    rate_limit_store_url: SecretStr = SecretStr("")
    rate_limit_store_seconds: float = Field(default=0.1, gt=0)

    api_url: Origin = "http://127.0.0.1:8001"
    admin_url: Origin = "http://127.0.0.1:8000"
    jwks_url: str = ""
    # Where the back office's uploads are found: its TANDEM_MEDIA_URL.
    media_url: str = ""
    token_audience: str = "tandem-api"  # noqa: S105 - a name, not a secret
    # An unknown key id makes us ask the identity provider again, but never more often than this.
    jwks_refetch_seconds: float = Field(default=10, gt=0)
    jwks_maximum_age_seconds: float = Field(default=3600, gt=0)

    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=1)
    # So many requests may wait for one of its connections.
    database_queue: int = Field(default=100, ge=1)
    database_pool_wait_seconds: float = Field(default=2, gt=0)
    database_connect_seconds: int = Field(default=3, ge=2)  # libpq takes no less than 2
    database_statement_seconds: float = Field(default=5, gt=0)
    database_lock_seconds: float = Field(default=2, gt=0)

    # Events renew the cache; and from time to time all of it is read again, whatever they said.
    feed_reload_seconds: float = Field(default=300, gt=0)
    feed_retry_seconds: float = Field(default=5, gt=0)
    # A consumer that no broker has answered for so long is replaced.
    feed_silence_seconds: float = Field(default=30, gt=0)

    # What a search may take of the database.
    search_seconds: float = Field(default=1, gt=0)
    catalogue_max_age_seconds: int = Field(default=10, ge=0)
    event_stream_heartbeat_seconds: float = Field(default=15, gt=0)
    # At once in one process, and of one customer there.
    event_stream_limit: int = Field(default=5000, ge=1)
    event_stream_customer_limit: int = Field(default=20, ge=1)

    webhooks_endpoint_limit: int = Field(default=20, ge=1)
    # Accepts http, and addresses of this machine: for development and tests.
    webhooks_allow_loopback: bool = False

    @property
    def issuer(self) -> str:
        return self.admin_url

    @property
    def media_base_url(self) -> str:
        return f"{self.media_url.rstrip('/')}/" if self.media_url else f"{self.admin_url}/media/"

    @property
    def keys_url(self) -> str:
        return self.jwks_url or f"{self.admin_url}/.well-known/jwks.json"

    @model_validator(mode="after")
    def refuse_unsafe_production(self) -> "Settings":
        if not self.in_production:
            return self
        for name in ("admin_url", "api_url"):
            if urlsplit(getattr(self, name)).scheme != "https":
                raise ValueError(f"TANDEM_{name.upper()} must be https in production: tokens pass there")
        if self.webhooks_allow_loopback:
            raise ValueError(
                "TANDEM_WEBHOOKS_ALLOW_LOOPBACK must stay off in production: it opens this machine's ports"
            )
        return self
