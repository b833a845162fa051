"""Handing a mail over: to an SMTP server, or in development to a folder.

Three kinds of failure: the server is away, which says nothing about the mail; it wants this mail later; it will never
take this mail. That our own login or sender is refused is of the first kind: a wrong setting must not fail mails.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
from tandem_runtime.mail import TIMEOUT_SECONDS, MailFolder, MailServer

from tandem_worker.consumer.handlers import RetryableError

# For a whole mail: well below the lease.
SEND_SECONDS = 30
PERMANENT = 500
CLOSING = 421

Post = Callable[[EmailMessage], Awaitable[None]]


class PostAwayError(RetryableError):
    """The mail server is away, or does not let us in."""

    reason = "mail"


class PutOffError(Exception):
    """The server does not take this mail now."""


class RefusedError(Exception):
    """The server will never take this mail."""


@asynccontextmanager
async def open_post(target: MailServer | MailFolder) -> AsyncIterator[Post]:
    """What takes mails while the block runs, one after another.

    Raises PostAwayError here and later; the other errors only when given a mail.
    """
    if isinstance(target, MailFolder):
        yield _Folder(target.path).leave
        return
    client = aiosmtplib.SMTP(
        hostname=target.host,
        port=target.port,
        username=target.user or None,
        password=target.password or None,
        use_tls=target.encryption == "tls",
        start_tls=target.encryption == "starttls",
        timeout=TIMEOUT_SECONDS,
    )
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await client.connect()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # the last: TLS that is not to be had
        client.close()
        raise PostAwayError(f"{target.host}: {_told(error)}") from error
    try:
        yield _Server(client).send
    finally:
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=1)
        client.close()


class _Server:
    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as refusal:
            raise _verdict(refusal.recipients[0]) from refusal
        except aiosmtplib.SMTPSenderRefused as refusal:
            raise PostAwayError(_told(refusal)) from refusal
        except aiosmtplib.SMTPResponseException as refusal:
            raise _verdict(refusal) from refusal
        except (aiosmtplib.SMTPException, OSError) as error:
            raise PostAwayError(_told(error)) from error
        except ValueError as error:
            raise RefusedError(f"the address cannot be used: {error}") from error


class _Folder:
    """A file for each mail, named for when it was written and what it is, so that a person finds it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def leave(self, message: EmailMessage) -> None:
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise PostAwayError(str(error)) from error

    def _write(self, message: EmailMessage) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        unfinished = self._path / f".{name}"
        unfinished.write_bytes(message.as_bytes())
        unfinished.replace(self._path / f"{message['Date'].datetime:%Y%m%d-%H%M%S}-{name}.eml")


def _verdict(refusal: aiosmtplib.SMTPResponseException) -> Exception:
    if refusal.code == CLOSING:
        return PostAwayError(_told(refusal))
    return (RefusedError if refusal.code >= PERMANENT else PutOffError)(_told(refusal))


def _told(error: Exception) -> str:
    """What a server said, or what happened, in a line."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return " ".join(f"{error.code} {error.message}".split())
    return " ".join(str(error).split()) or type(error).__name__
