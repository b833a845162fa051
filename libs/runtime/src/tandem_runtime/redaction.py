"""Keeps secrets out of log lines, by the name of a key and by the look of a value."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "[redacted]"

_SECRET_KEY = re.compile(
    r"passw(or)?d|secret|token|authorization|cookie|api_?key|private_?key|credential|database_url|dsn", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_BEARER = re.compile(r"\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}")
# What nothing can be hidden in.
_PLAIN = frozenset({int, float, bool, type(None)})

# Postgres quotes the row that broke a constraint; any column may be in it.
_QUOTED_ROW = re.compile(r"Failing row contains \(.*?\)\.(?=\n|$)", re.DOTALL)


def redact(fields: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the fields with the values of secret-looking keys, URL passwords and credentials hidden, at any depth."""
    return {key: shown(key, value) for key, value in fields.items()}


def shown(key: Any, value: Any) -> Any:
    """What may be seen of the value of a field of that name."""
    # The cheap tests first, here and below: this runs on every field of every line.
    if isinstance(key, str) and _names_a_secret(key):
        return HIDDEN
    return value if value.__class__ in _PLAIN else _redact_value(value)


@lru_cache(maxsize=1024)  # the same few keys on every line
def _names_a_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def redact_text(text: str) -> str:
    """Return the text with URL passwords, credentials and quoted database rows hidden."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{HIDDEN}@", text)
    if "Failing row" in text:
        text = _QUOTED_ROW.sub(f"Failing row contains {HIDDEN}.", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text) if " " in text else text


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return redact(value)
    if isinstance(value, list):
        return [_redact_value(item) for item in value]
    if isinstance(value, tuple):  # stays one: exc_info is a tuple to its renderer
        return tuple(_redact_value(item) for item in value)
    return value
