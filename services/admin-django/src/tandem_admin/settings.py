"""Django's settings, from the environment."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr, model_validator
from tandem_runtime.settings import RuntimeSettings, load_settings

DEVELOPMENT_SECRET = "not-secret-for-development-and-tests-only"  # noqa: S105 - refused in production


class Settings(RuntimeSettings):
    """What the admin takes from its environment, as TANDEM_<NAME>."""

    database_url: SecretStr = SecretStr("postgresql://tandem_admin@127.0.0.1:5432/tandem")
    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    host: str = "127.0.0.1"
    port: int = 8000
    admin_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    oidc_private_key: SecretStr = SecretStr("")
    token_audience: str = "tandem-api"  # noqa: S105 - a name, not a secret

    @model_validator(mode="after")
    def refuse_unsafe_production(self) -> "Settings":
        if self.environment != "production":
            return self
        if self.secret_key.get_secret_value() == DEVELOPMENT_SECRET:
            raise ValueError("TANDEM_SECRET_KEY must be set in production")
        if not self.oidc_private_key.get_secret_value():
            raise ValueError("TANDEM_OIDC_PRIVATE_KEY must be set in production")
        return self


def _database(url: str) -> dict[str, Any]:
    part = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": part.get("dbname", "tandem"),
        "USER": part.get("user", ""),
        "PASSWORD": part.get("password", ""),
        "HOST": part.get("host", ""),
        "PORT": part.get("port", ""),
        "OPTIONS": {"pool": False},
    }


SETTINGS = load_settings(Settings)

SECRET_KEY = SETTINGS.secret_key.get_secret_value()
DATABASES = {"default": _database(SETTINGS.database_url.get_secret_value())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "users.User"
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "tandem_admin.users",
    "tandem_admin.catalog",
    "tandem_admin.inventory",
    "tandem_admin.orders",
    "tandem_admin.events",
    "tandem_admin.database",
]
