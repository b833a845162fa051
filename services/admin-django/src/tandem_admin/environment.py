"""What the admin takes from its environment, as TANDEM_<NAME>."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from tandem_runtime.mail import MailServer, mail_target
from tandem_runtime.settings import Origin, RuntimeSettings

from tandem_admin.identity.signing_keys import SigningKey
from tandem_admin.mail import mail_settings

DEVELOPMENT_SECRET = "not-secret-for-development-and-tests-only"  # noqa: S105 - refused in production
MINIMUM_SECRET_LENGTH = 50
MEDIA_PATH = "/media/"


class Settings(RuntimeSettings):
    """The admin's settings; an unsafe value ends a production process before it starts."""

    database_url: SecretStr = SecretStr("postgresql://tandem_admin@127.0.0.1:5432/tandem")
    database_connection_seconds: int = Field(default=300, ge=0)
    # Seconds; 0 is no limit. `tandem-manage` sets 0: a migration takes as long as it takes.
    database_statement_timeout: int = Field(default=15, ge=0)
    database_lock_timeout: int = Field(default=5, ge=0)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    threads: int = Field(default=8, ge=1, le=128)
    graceful_seconds: int = Field(default=20, ge=1)
    # Longer than a proxy keeps its idle connections: it must not send a request into one that we are closing.
    keep_alive_seconds: int = Field(default=75, ge=1)
    # The proxies that may say `X-Forwarded-Proto: https`, as addresses; their number tells which client to believe.
    trusted_proxies: str = "127.0.0.1,::1"
    trusted_proxy_count: int = Field(default=0, ge=0)

    # Where people log in: the issuer of tokens.
    admin_url: Origin = "http://127.0.0.1:8000"
    # Where staff work, such as a host that only the company's network reaches; without it, at `admin_url` too.
    staff_url: Origin | None = None
    # A name by which pods find the keys of tokens, where they cannot call `admin_url`; nothing else is answered there.
    keys_host: str = ""
    api_url: Origin = "http://127.0.0.1:8001"
    # Where a trace can be looked at, such as https://traces.example.com/{trace_id}; without it there are no links.
    trace_url: str = ""
    # Filled by `tandem-manage collectstatic`; without it, files are served from the packages, under plain names.
    static_root: Path | None = None

    # Uploads: a folder that all pods share, or a bucket; and where the world finds them, at `admin_url` by default.
    media_root: Path | None = None
    media_s3_bucket: str = ""
    media_s3_endpoint: str = ""
    media_s3_region: str = ""
    media_url: str = ""
    # The longest body of a request, in bytes.
    maximum_body_bytes: int = Field(default=12_000_000, ge=1_000_000)

    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    # Former ones (JSON), for as long as something that they protect is in use: sessions, and second factors.
    secret_key_fallbacks: tuple[SecretStr, ...] = ()
    # The youngest whose time has come signs; see `tandem-manage rotate_signing_keys`.
    oidc_private_keys: tuple[SigningKey, ...] = ()
    token_audience: str = "tandem-api"  # noqa: S105 - a name, not a secret
    session_hours: int = Field(default=12, ge=1)
    staff_session_hours: int = Field(default=4, ge=1)
    # Whether staff need a second factor; without it a stolen password is enough.
    staff_second_factor: bool = True

    # Accepts http, and addresses of this machine, for webhooks: for development and tests.
    webhooks_allow_loopback: bool = False

    # smtp://user:password@host:587 (STARTTLS) or smtps://…:465; in development file:///folder, or none: printed.
    mail_url: SecretStr = SecretStr("")
    mail_from: str = "Tandem <store@localhost>"

    @property
    def https(self) -> bool:
        return urlsplit(self.admin_url).scheme == "https"

    @property
    def admin_host(self) -> str:
        return urlsplit(self.admin_url).hostname or ""

    @property
    def media_base_url(self) -> str:
        return f"{self.media_url.rstrip('/')}/" if self.media_url else f"{self.admin_url}{MEDIA_PATH}"

    @property
    def staff_host(self) -> str:
        return urlsplit(self.staff_url or self.admin_url).hostname or ""

    @field_validator("trace_url")
    @classmethod
    def must_have_a_place_for_the_trace(cls, url: str) -> str:
        if url and not (url.startswith(("https://", "http://")) and url.count("{") == url.count("{trace_id}") == 1):
            raise ValueError("must be an address with {trace_id} in it, such as https://traces.example.com/{trace_id}")
        return url

    @field_validator("mail_url")
    @classmethod
    def must_be_a_way_to_send_mail(cls, url: SecretStr) -> SecretStr:
        mail_settings(url.get_secret_value())
        return url

    @field_validator("media_url")
    @classmethod
    def must_be_an_address(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("must be an address, such as https://cdn.example.com/tandem/")
        return url

    @model_validator(mode="after")
    def bucket_needs_an_address(self) -> "Settings":
        if self.media_s3_bucket and not self.media_url:
            raise ValueError("TANDEM_MEDIA_URL must say where the world finds what is in TANDEM_MEDIA_S3_BUCKET")
        return self

    @model_validator(mode="after")
    def refuse_webhooks_to_itself(self) -> "Settings":
        if self.in_production and self.webhooks_allow_loopback:
            raise ValueError(
                "TANDEM_WEBHOOKS_ALLOW_LOOPBACK must stay off in production: it opens this machine's ports"
            )
        return self

    @model_validator(mode="after")
    def refuse_unsafe_production(self) -> "Settings":
        if not self.in_production:
            return self
        secret = self.secret_key.get_secret_value()
        if secret == DEVELOPMENT_SECRET or len(secret) < MINIMUM_SECRET_LENGTH:
            raise ValueError(
                f"TANDEM_SECRET_KEY must be set in production, to {MINIMUM_SECRET_LENGTH} characters or more"
            )
        if not self.oidc_private_keys:
            raise ValueError("TANDEM_OIDC_PRIVATE_KEYS must be set in production (tandem-manage rotate_signing_keys)")
        if not self.staff_second_factor:
            raise ValueError("TANDEM_STAFF_SECOND_FACTOR must stay on in production")
        if not _is_safe_mail(self.mail_url.get_secret_value()):
            raise ValueError("TANDEM_MAIL_URL must name an SMTP server with TLS in production: people register by mail")
        if not self.https:
            raise ValueError("TANDEM_ADMIN_URL must be https in production: passwords and tokens pass there")
        if self.staff_url and not self.staff_url.startswith("https:"):
            raise ValueError("TANDEM_STAFF_URL must be https in production: passwords pass there")
        if self.static_root is None:
            raise ValueError("TANDEM_STATIC_ROOT must be set in production, to the folder that collectstatic filled")
        if self.media_root is None and not self.media_s3_bucket:
            raise ValueError("TANDEM_MEDIA_ROOT or TANDEM_MEDIA_S3_BUCKET must be set in production, for uploads")
        return self


def _is_safe_mail(url: str) -> bool:
    target = mail_target(url) if url else None
    return isinstance(target, MailServer) and target.is_private
