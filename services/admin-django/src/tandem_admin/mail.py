"""Where mails go, as Django's settings."""

from typing import Any

from tandem_runtime.mail import TIMEOUT_SECONDS, MailFolder, mail_target

BACKEND = "django.core.mail.backends.{}.EmailBackend"


def mail_settings(url: str) -> dict[str, Any]:
    """Django's `EMAIL_…` for an address as `mail_target` takes it; with none, mails are printed.

    ValueError for anything else.
    """
    if not url:
        return {"EMAIL_BACKEND": BACKEND.format("console")}
    target = mail_target(url)
    if isinstance(target, MailFolder):
        return {"EMAIL_BACKEND": BACKEND.format("filebased"), "EMAIL_FILE_PATH": str(target.path)}
    return {
        "EMAIL_BACKEND": BACKEND.format("smtp"),
        "EMAIL_HOST": target.host,
        "EMAIL_PORT": target.port,
        "EMAIL_HOST_USER": target.user,
        "EMAIL_HOST_PASSWORD": target.password,
        "EMAIL_USE_TLS": target.encryption == "starttls",
        "EMAIL_USE_SSL": target.encryption == "tls",
        "EMAIL_TIMEOUT": TIMEOUT_SECONDS,
    }
