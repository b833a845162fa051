"""Where mails go, from one address to Django's settings."""

from typing import Any
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
TIMEOUT_SECONDS = 10
BACKEND = "django.core.mail.backends.{}.EmailBackend"


def mail_settings(url: str) -> dict[str, Any]:
    """Django's `EMAIL_…` for `smtp://user:password@host:587` (STARTTLS), `smtps://…:465`, `file:///folder`, or nothing.

    With nothing, mails are printed. Without a user, `smtp` does not ask for encryption: a relay on the same machine.
    ValueError for anything else.
    """
    if not url:
        return {"EMAIL_BACKEND": BACKEND.format("console")}
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return {"EMAIL_BACKEND": BACKEND.format("filebased"), "EMAIL_FILE_PATH": unquote(parts.path)}
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("must be smtp://user:password@host:587, smtps://user:password@host:465 or file:///folder")
    return {
        "EMAIL_BACKEND": BACKEND.format("smtp"),
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp" and bool(parts.username),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": TIMEOUT_SECONDS,
    }
