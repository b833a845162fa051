"""Where mails go, from one address: the same for every process that sends some."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
# How long a mail server may take for one answer.
TIMEOUT_SECONDS = 10
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server; without a user it is not logged in to."""

    host: str
    port: int
    user: str
    password: str
    encryption: Literal["none", "starttls", "tls"]

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.encryption != "none" or self.host in LOOPBACK


@dataclass(frozen=True, slots=True)
class MailFolder:
    """Where mails are left as files, for a person to look at: development."""

    path: Path


def mail_target(url: str) -> MailServer | MailFolder:
    """`smtp://user:password@host:587` (STARTTLS), `smtps://…:465`, or `file:///folder`; ValueError for anything else.

    Without a user, `smtp` does not ask for encryption: a relay on the same machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return MailFolder(Path(unquote(parts.path)))
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("must be smtp://user:password@host:587, smtps://user:password@host:465 or file:///folder")
    return MailServer(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        encryption="tls" if parts.scheme == "smtps" else "starttls" if parts.username else "none",
    )
