"""What the worker takes from its environment, as TANDEM_<NAME>."""

from pydantic import Field, HttpUrl, SecretStr, model_validator
from tandem_runtime.settings import RuntimeSettings


class DatabaseSettings(RuntimeSettings):
    """What a command needs that speaks to the database alone. The URL names the database role."""

    database_url: SecretStr


class Settings(DatabaseSettings):
    """What every role needs. Each has a database role of its own."""

    kafka_bootstrap_servers: str


class RelaySettings(Settings):
    relay_batch_events: int = Field(default=2000, ge=1, description="rows of the outbox looked at, at once")
    relay_lanes: int = Field(default=2, ge=1, le=8, description="over which the shards are divided")


class ConsumerSettings(Settings):
    database_pool_size: int = Field(default=10, ge=2)
    consumer_partition_events: int = Field(default=200, ge=1, description="in hand of a partition before it pauses")
    consumer_concurrency: int = Field(default=8, ge=1, description="transactions side by side")
    consumer_transaction_events: int = Field(default=100, ge=1, description="at most in one transaction")
    consumer_instance_id: str | None = Field(default=None, description="makes the member static, such as a pod's name")
    consumer_dead_letter_limit: int = Field(default=20, ge=1, description="events that may die within the window")
    consumer_dead_letter_window_seconds: int = Field(default=600, ge=1)
    session_timeout_ms: int = Field(default=10_000, ge=6_000, description="after which a silent consumer is replaced")

    @model_validator(mode="after")
    def bound_concurrency_by_pool(self) -> "ConsumerSettings":
        if self.consumer_concurrency >= self.database_pool_size:  # one is the reconciler's
            raise ValueError("TANDEM_CONSUMER_CONCURRENCY must be below TANDEM_DATABASE_POOL_SIZE")
        return self


class OrdersSettings(ConsumerSettings):
    payment_url: HttpUrl
    payment_api_key: SecretStr
    payment_timeout_seconds: float = Field(default=5.0, gt=0)
    payment_reconcile_seconds: float = Field(default=5.0, gt=0, description="pause between two rounds of asking again")
