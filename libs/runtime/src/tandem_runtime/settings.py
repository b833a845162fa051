"""Settings that every process shares, and how wrong ones are reported."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

PREFIX = "TANDEM_"
SECRETS_DIRECTORY = "TANDEM_SECRETS_DIRECTORY"


def _must_be_an_origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError("must be scheme, host and port alone, such as https://api.example.com")
    return url


# The address of one of our services, without a slash at its end: paths are appended to it.
Origin = Annotated[str, AfterValidator(_must_be_an_origin)]


class RuntimeSettings(BaseSettings):
    """What every process reads from the environment; a service's own `Settings` inherit from it.

    `environment` defaults to production, so that a forgotten variable is strict rather than lax.
    `operations_port` 0 takes any free port.
    """

    # An unsafe value must not travel: pydantic would quote it in its message, and that ends in a log.
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "test", "production"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    # A statement that takes so long has a span, as one that fails; 0: each.
    trace_statement_seconds: float = Field(default=0.05, ge=0)
    operations_host: str = "127.0.0.1"
    operations_port: int = Field(default=0, ge=0, le=65535)

    @property
    def in_production(self) -> bool:
        return self.environment == "production"


SettingsT = TypeVar("SettingsT", bound=RuntimeSettings)


def load_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Read the settings from the environment, and from the files of TANDEM_SECRETS_DIRECTORY named as its variables.

    A variable goes before a file. Wrong settings end the process: one line on stderr per variable, exit status 2.
    Values are never printed.
    """
    try:
        return settings_class(_secrets_dir=secrets_directory())
    except ValidationError as error:
        _refuse([_explain(detail) for detail in error.errors(include_input=False, include_url=False)])
    except SettingsError as error:
        _refuse([str(error)])


def secrets_directory() -> Path | None:
    """The folder that secrets are mounted in, as files; None when they are all in the environment."""
    if not (name := os.environ.get(SECRETS_DIRECTORY)):
        return None
    if not (directory := Path(name)).is_dir():
        _refuse([f"{SECRETS_DIRECTORY}: must be a folder"])
    return directory


def setting(name: str) -> str | None:
    """One variable, or the file of its name: for what only a single command reads, past a service's settings."""
    if (value := os.environ.get(name)) is not None:
        return value
    directory = secrets_directory()
    file = directory / name if directory else None
    return file.read_text().strip() if file and file.is_file() else None


def _explain(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:  # raised by a model validator, whose message names its variables itself
        return message
    field = str(detail["loc"][0]).upper()
    return f"{field if field.startswith(PREFIX) else PREFIX + field}: {message}"


def _refuse(lines: list[str]) -> NoReturn:
    for line in lines:
        sys.stderr.write(f"settings: {' '.join(line.split())}\n")
    sys.exit(2)
