from pathlib import Path

from pydantic import Field, SecretStr
from tandem_runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    """What the sandbox reads from the environment; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    payment_database: Path
    payment_api_key: SecretStr = Field(min_length=1)
    payment_latency_seconds: float = Field(default=0, ge=0)
