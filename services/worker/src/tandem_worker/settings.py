"""What the worker takes from its environment, as TANDEM_<NAME>."""

from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from tandem_contracts.topics import TOPICS
from tandem_runtime.kafka import KafkaSettings
from tandem_runtime.mail import MailFolder, MailServer, mail_target
from tandem_runtime.settings import Origin, RuntimeSettings


class DatabaseSettings(RuntimeSettings):
    """What a command needs that speaks to the database alone. The URL names the database role."""

    database_url: SecretStr


class Settings(DatabaseSettings, KafkaSettings):
    """What every role needs. Each has a database role of its own."""


# A record that is no event dies but once, as long as its letter is there: the letter outlives the record.
LONGEST_RETENTION = timedelta(milliseconds=max(topic.retention_ms for topic in TOPICS))


class PurgeSettings(DatabaseSettings):
    purge_idempotency_key_hours: int = Field(default=48, ge=24, description="during which a POST can be repeated")
    purge_dead_letter_days: int = Field(default=90, ge=1, description="from when a dead letter is settled")
    purge_webhook_days: int = Field(default=30, ge=14, description="from when a delivery is written")
    purge_batch_rows: int = Field(default=1000, ge=1, description="in one short transaction")

    @property
    def purge_idempotency_keys_after(self) -> timedelta:
        return timedelta(hours=self.purge_idempotency_key_hours)

    @property
    def purge_dead_letters_after(self) -> timedelta:
        return timedelta(days=self.purge_dead_letter_days)

    @property
    def purge_webhooks_after(self) -> timedelta:
        return timedelta(days=self.purge_webhook_days)

    @model_validator(mode="after")
    def let_letters_outlive_their_records(self) -> "PurgeSettings":
        if self.purge_dead_letters_after <= LONGEST_RETENTION:
            raise ValueError(
                f"TANDEM_PURGE_DEAD_LETTER_DAYS must be above {LONGEST_RETENTION.days}, the topics' retention"
            )
        return self


class RelaySettings(Settings):
    relay_batch_events: int = Field(default=2000, ge=1, description="rows of the outbox looked at, at once")
    relay_lanes: int = Field(
        default=1,
        ge=1,
        le=8,
        description="over which the shards are divided; more publish a backlog faster, and a single event later",
    )


class ConsumerSettings(Settings):
    database_pool_size: int = Field(default=10, ge=3)
    consumer_partition_events: int = Field(default=200, ge=1, description="in hand of a partition before it pauses")
    consumer_concurrency: int = Field(default=32, ge=1, description="events, or batches of them, under way at once")
    consumer_transactions: int = Field(default=8, ge=1, description="transactions side by side")
    consumer_transaction_events: int = Field(default=100, ge=1, description="at most in one transaction")
    consumer_instance_id: str | None = Field(default=None, description="makes the member static, such as a pod's name")
    consumer_dead_letter_limit: int = Field(default=20, ge=1, description="events that may die within the window")
    consumer_dead_letter_window_seconds: int = Field(default=600, ge=1)
    trace_consumers: Literal["parent", "link"] = Field(
        default="parent", description="what is done because of an event: in its cause's trace, or in one linked to it"
    )
    session_timeout_ms: int = Field(default=10_000, ge=6_000, description="after which a silent consumer is replaced")

    @model_validator(mode="after")
    def bound_transactions_by_pool(self) -> "ConsumerSettings":
        if self.consumer_transactions > self.database_pool_size - 2:  # for what prepares, reconciles, settles letters
            raise ValueError("TANDEM_CONSUMER_TRANSACTIONS must be at most TANDEM_DATABASE_POOL_SIZE - 2")
        return self


class OrdersSettings(ConsumerSettings):
    payment_url: HttpUrl
    payment_api_key: SecretStr
    payment_timeout_seconds: float = Field(default=5.0, gt=0)
    payment_reconcile_seconds: float = Field(default=5.0, gt=0, description="pause between two rounds of asking again")


class WebhooksSettings(ConsumerSettings):
    webhooks_concurrency: int = Field(default=100, ge=2, description="messages on their way at once, of this process")
    webhooks_endpoint_concurrency: int = Field(default=4, ge=1, description="of them to one endpoint, of all processes")
    webhooks_timeout_seconds: float = Field(default=15.0, gt=0, le=60, description="until a partner's answer")
    webhooks_connect_seconds: float = Field(default=5.0, gt=0)
    webhooks_retry_hours: float = Field(default=24, gt=0, description="after which a delivery is given up")
    webhooks_poll_seconds: float = Field(default=0.5, gt=0, description="pause when nothing is due")
    webhooks_allow_loopback: bool = Field(default=False, description="http and this machine, for development and tests")

    @property
    def webhooks_retry(self) -> timedelta:
        return timedelta(hours=self.webhooks_retry_hours)

    @property
    def webhooks_lease(self) -> timedelta:
        """How long a message is its sender's: until all of its limits have passed, and the answer is written."""
        return timedelta(seconds=2 * self.webhooks_timeout_seconds + 15)

    @model_validator(mode="after")
    def refuse_unsafe_production(self) -> "WebhooksSettings":
        if self.in_production and self.webhooks_allow_loopback:
            raise ValueError(
                "TANDEM_WEBHOOKS_ALLOW_LOOPBACK must stay off in production: it opens this machine's ports"
            )
        return self


class NotificationsSettings(ConsumerSettings):
    mail_url: SecretStr = Field(description="smtp://user:password@host:587 (STARTTLS), smtps://…:465, file:///folder")
    mail_from: str = Field(default="Tandem <store@localhost>", description="whom customers see as the sender")
    mail_connections: int = Field(default=2, ge=1, le=20, description="to the mail server, side by side")
    mail_age_limit_hours: float = Field(default=24, gt=0, description="beyond which a mail is not sent any more")

    @field_validator("mail_url")
    @classmethod
    def must_be_a_way_to_send_mail(cls, url: SecretStr) -> SecretStr:
        mail_target(url.get_secret_value())
        return url

    @field_validator("mail_from")
    @classmethod
    def must_be_an_address(cls, sender: str) -> str:
        sender_address(sender)
        return sender

    @model_validator(mode="after")
    def refuse_unsafe_production(self) -> "NotificationsSettings":
        target = self.mail_target
        if self.in_production and not (isinstance(target, MailServer) and target.is_private):
            raise ValueError("TANDEM_MAIL_URL must name an SMTP server with TLS in production: mails name customers")
        return self

    @property
    def mail_target(self) -> MailServer | MailFolder:
        return mail_target(self.mail_url.get_secret_value())

    @property
    def mail_age_limit(self) -> timedelta:
        return timedelta(hours=self.mail_age_limit_hours)


class ProbeSettings(RuntimeSettings):
    """A customer's: where the store is for everybody, and no database (`tandem-manage register_probe`)."""

    admin_url: Origin
    api_url: Origin
    probe_client_id: str = "tandem-probe"
    probe_client_secret: SecretStr
    probe_sku: str = "PROBE"
    probe_payment_token: SecretStr = Field(description="a card of the store's own; one that is declined will do")
    probe_interval_seconds: float = Field(default=60, ge=1, description="pause between two orders")
    probe_patience_seconds: float = Field(default=30, ge=1, description="what a customer would wait for")


def sender_address(sender: str) -> Address:
    """`Store <store@example.com>` as an address; ValueError when it is none."""
    name, address = parseaddr(sender)
    if "@" not in address:
        raise ValueError("must be an address, such as Store <store@example.com>")
    return Address(display_name=name, addr_spec=address)
